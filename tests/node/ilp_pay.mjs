// Pays over Interledger: node ilp_pay.mjs SPSP_URL BTP_PORT TOTAL asks where to pay, sends so much on
// one stream, and prints {"sent","receipt"} for each packet of it, the receipt in base64.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const Plugin = require("ilp-plugin-btp").default ?? require("ilp-plugin-btp");
const { createConnection } = require("ilp-protocol-stream");

const [url, btpPort, total] = process.argv.slice(2);
const answer = await fetch(url, { headers: { Accept: "application/spsp4+json" } });
if (!answer.ok) {
  console.log(`no SPSP: ${answer.status} ${await answer.text()}`);
  process.exit(1);
}
const where = await answer.json();
const connection = await createConnection({
  plugin: new Plugin({ server: `btp+ws://:shh@127.0.0.1:${btpPort}` }),
  destinationAccount: where.destination_account,
  sharedSecret: Buffer.from(where.shared_secret, "base64"),
  slippage: 0.05,
});
const stream = connection.createStream();
stream.on("outgoing_money", () =>
  console.log(JSON.stringify({ sent: stream.totalSent, receipt: stream.receipt?.toString("base64") })),
);
await stream.sendTotal(total);
await connection.end();
process.exit(0);
