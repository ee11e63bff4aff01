// The public client of Open Payments, and what wallets judge requests with.
//
// node open_payments.mjs pay WALLET_ADDRESS CLIENT_ADDRESS KEY.pem KEY_ID
//   As a payer's agent: asks the wallet what it is, has itself granted what it needs, makes an incoming
//   payment there and prints {"incomingPayment": URL}. For each line on the standard input it then
//   does one thing and prints what came of it: "get", "public", "list", "complete". Every answer is
//   held to the published OpenAPI documents; one that does not keep to them is {"error": ...}.
//
// node open_payments.mjs judge PUBLIC_KEY < LINES
//   Each line is a request that a wallet got, {"method", "url", "headers", "body"}, for a grant (POST) or
//   about an incoming payment (GET); says for each whether its signature is that key's (base64url) and what of it the OpenAPI documents do not allow.
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(import.meta.url);
const {
  createAuthenticatedClient, createUnauthenticatedClient, isFinalizedGrant,
  getAuthServerOpenAPI, getResourceServerOpenAPI,
} = require("@interledger/open-payments");
const { validateSignature, validateSignatureHeaders } =
  require("@interledger/http-signature-utils");

const say = (answer) => console.log(JSON.stringify(answer));
const lines = () => readline.createInterface({ input: process.stdin });
const whyOf = (e) =>
  ({ error: [e.description ?? e.message, ...(e.validationErrors ?? [])].join("; ") });

async function pay(walletAddressUrl, clientUrl, privateKey, keyId) {
  const client = await createAuthenticatedClient({
    walletAddressUrl: clientUrl, privateKey, keyId, useHttp: true, validateResponses: true,
  });
  const open = await createUnauthenticatedClient({ useHttp: true, validateResponses: true });
  const wallet = await client.walletAddress.get({ url: walletAddressUrl });
  await client.walletAddress.getKeys({ url: walletAddressUrl });
  const grant = await client.grant.request(
    { url: wallet.authServer },
    { access_token: { access: [
      { type: "incoming-payment", actions: ["create", "read", "list", "complete"] },
    ] } },
  );
  if (!isFinalizedGrant(grant)) {
    throw new Error("the grant is not final");
  }
  const accessToken = grant.access_token.value;
  const made = await client.incomingPayment.create(
    { url: wallet.resourceServer, accessToken },
    { walletAddress: wallet.id, expiresAt: new Date(Date.now() + 600000).toISOString(),
      metadata: { source: "Web Monetization" } },
  );
  say({ incomingPayment: made.id, methods: made.methods.length });
  const url = made.id;
  const doing = {
    get: () => client.incomingPayment.get({ url, accessToken }),
    public: () => open.incomingPayment.get({ url }),
    list: () => client.incomingPayment.list(
      { url: wallet.resourceServer, accessToken, walletAddress: wallet.id }),
    complete: () => client.incomingPayment.complete({ url, accessToken }),
  };
  for await (const line of lines()) {
    say(await doing[line]().catch(whyOf));
  }
}

async function judge(x) {
  const grant = (await getAuthServerOpenAPI()).createRequestValidator({ path: "/", method: "post" });
  const payment = (await getResourceServerOpenAPI()).createRequestValidator({
    path: "/incoming-payments/{id}", method: "get",
  });
  const key = { kid: "k", alg: "EdDSA", kty: "OKP", crv: "Ed25519", x };
  for await (const line of lines()) {
    const { method, url, headers, body } = JSON.parse(line);
    const { pathname } = new URL(url);
    const request = { method, url, headers, body: body || undefined };
    let wrong = [];
    try {
      const asked = { headers, query: {}, params: { id: pathname.split("/").at(-1) } };
      if (method === "POST") {
        grant({ ...asked, body: JSON.parse(body) });
      } else {
        payment(asked);
      }
    } catch (e) {
      wrong = (e.errors ?? [e]).map((each) => each.message);
    }
    say({ covers: validateSignatureHeaders(request), signed: await validateSignature(key, request),
      wrong });
  }
}

const [what, ...rest] = process.argv.slice(2);
await { pay, judge }[what](...rest).catch((e) => {
  say(whyOf(e));
  process.exit(1);
});
process.exit(0);
