// A wallet that can be paid over Interledger, on loopback: node ilp_wallet.mjs HTTP BTP_OWN BTP_PAYER
// (ports). It answers SPSP (any path) at the first, honours the headers Receipt-Nonce and
// Receipt-Secret, and takes what comes. The second and third port are those of a connector between
// it and a payer: two accounts over BTP. Prints "ready", and
// with each payment what its stream has received so far.
import { createRequire } from "node:module";
import http from "node:http";

const require = createRequire(import.meta.url);
const Plugin = require("ilp-plugin-btp").default ?? require("ilp-plugin-btp");
const { createServer } = require("ilp-protocol-stream");
const { serve } = require("ilp-protocol-ildcp");
const packets = require("ilp-packet");

const [httpPort, ownPort, payerPort] = process.argv.slice(2).map(Number);
const PACKET_MAX = 5000n; // a larger payment comes in several packets, each with a receipt
const ASSET = { assetCode: "XRP", assetScale: 9 };

// The connector: what is for an address that begins with another account's goes there.
const accounts = [
  { address: "test.hub.wallet", port: ownPort },
  { address: "test.hub.payer", port: payerPort },
];
for (const account of accounts) {
  account.plugin = new Plugin({ listener: { port: account.port, secret: "shh" } });
  account.plugin.registerDataHandler((data) => forward(account, data));
  // Comes to an end only when a peer has come: not waited for here.
  account.plugin.connect().catch((e) => fail(`connector: ${e.message}`));
}

function fail(why) {
  console.log(why);
  process.exit(1);
}

function reject(code, message, data) {
  return packets.serializeIlpReject({ code, message, triggeredBy: "test.hub", data });
}

async function forward(from, data) {
  const { amount, destination } = packets.deserializeIlpPrepare(data);
  if (destination === "peer.config") {
    return serve({
      requestPacket: data,
      handler: async () => ({ clientAddress: from.address, ...ASSET }),
      serverAddress: "test.hub",
    });
  }
  if (BigInt(amount) > PACKET_MAX) {
    const limits = Buffer.alloc(16);
    limits.writeBigUInt64BE(BigInt(amount), 0);
    limits.writeBigUInt64BE(PACKET_MAX, 8);
    return reject("F08", "too large", limits);
  }
  const to = accounts.find((a) => `${destination}.`.startsWith(`${a.address}.`));
  return to === undefined
    ? reject("F02", "no such account", Buffer.alloc(0))
    : to.plugin.sendData(data);
}

const server = await createServer({
  plugin: new Plugin({ server: `btp+ws://:shh@127.0.0.1:${ownPort}` }),
});
server.on("connection", (connection) => {
  connection.on("stream", (stream) => {
    stream.setReceiveMax("1000000000000000");
    stream.on("money", () => console.log(`received ${stream.totalReceived}`));
  });
});

http
  .createServer((request, response) => {
    const bytes = (name) =>
      request.headers[name] ? Buffer.from(request.headers[name], "base64") : undefined;
    const where = server.generateAddressAndSecret({
      receiptNonce: bytes("receipt-nonce"),
      receiptSecret: bytes("receipt-secret"),
    });
    response.writeHead(200, { "Content-Type": "application/spsp4+json" });
    response.end(
      JSON.stringify({
        destination_account: where.destinationAccount,
        shared_secret: where.sharedSecret.toString("base64"),
        receipts_enabled: where.receiptsEnabled,
      }),
    );
  })
  .listen(httpPort, "127.0.0.1", () => console.log("ready"));
