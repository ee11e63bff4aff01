// Whether the server hears of each payment: node --test teller.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { Teller } from "../../broadcaster/web/teller.js";

const RECEIPT = (nonce, total) => ({ receipt: `AQ${nonce.repeat(22)}${total}` });
const PAYMENT = (n) => ({ incomingPayment: `https://wallet.example/incoming-payments/${n}` });

// A server that answers with these, the last of them for good.
function world(...statuses) {
  const w = { posted: [], heard: [] };
  const post = async (path, payment) => {
    w.posted.push([path, payment]);
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    return { status, text: `told ${w.posted.length}` };
  };
  w.teller = new Teller(post, (status, text) => w.heard.push([status, text]), 1);
  return w;
}

test("what could not be taken is told again, until it is", async () => {
  for (const fault of [0, 429, 500, 503]) {
    const w = world(fault, fault, fault, 200);
    await w.teller.tell("/monetization", PAYMENT(1));
    assert.equal(w.posted.length, 4);
    assert.deepEqual(w.heard, [[fault, "told 1"], [200, "told 4"]]);
    assert.equal(w.teller.untold.size, 0);
  }
  const kept = world(409, 200); // a receipt that could not be written down
  await kept.teller.tell("/verifyReceipt", RECEIPT("a", "5"));
  assert.equal(kept.posted.length, 2);
});

test("what is refused is told once", async () => {
  for (const [path, status] of [["/monetization", 400], ["/monetization", 403],
    ["/monetization", 409], ["/verifyReceipt", 400], ["/verifyReceipt", 200]]) {
    const w = world(status);
    await w.teller.tell(path, PAYMENT(1));
    assert.deepEqual(w.heard, [[status, "told 1"]]);
  }
});

test("it does not go on for ever", async () => {
  const w = world(503);
  w.teller.retryMs = 0;
  await w.teller.tell("/monetization", PAYMENT(1));
  assert.equal(w.heard.length, 1);
  assert.ok(w.posted.length > 10 && w.posted.length < 100, `${w.posted.length}`);
  assert.equal(w.teller.untold.size, 0);
});

test("a newer total takes the older one's place, another stream's does not", async () => {
  const w = world(503, 503, 503, 200);
  await Promise.all([w.teller.tell("/verifyReceipt", RECEIPT("a", "5")),
    w.teller.tell("/verifyReceipt", RECEIPT("a", "9")), w.teller.tell("/verifyReceipt", RECEIPT("b", "1"))]);
  const last = w.posted.slice(3).map(([, { receipt }]) => receipt).sort();
  assert.deepEqual(last, [RECEIPT("a", "9").receipt, RECEIPT("b", "1").receipt]);
});

test("the next page goes on with what was not told", async () => {
  const kept = new Map();
  const storage = { setItem: (k, v) => kept.set(k, v), getItem: (k) => kept.get(k) ?? null,
    removeItem: (k) => kept.delete(k) };
  const left = world(200);
  left.teller.post = () => new Promise(() => {}); // it is left before there is an answer
  left.teller.tell("/monetization", PAYMENT(1));
  left.teller.tell("/verifyReceipt", RECEIPT("a", "5"));
  left.teller.keepIn(storage);
  const next = world(200);
  next.teller.goOnWith(storage);
  await new Promise((done) => { setTimeout(done, 0); });
  assert.deepEqual(next.posted, [["/monetization", PAYMENT(1)], ["/verifyReceipt", RECEIPT("a", "5")]]);
  const third = world(200);
  third.teller.keepIn(storage);
  third.teller.goOnWith(storage);
  assert.deepEqual(third.posted, []);
});

test("payments that may still grow are named again, the newest of them", async () => {
  const w = world(200);
  for (const n of [1, 2, 3, 4, 2]) {
    await w.teller.tell("/monetization", PAYMENT(n));
  }
  await w.teller.tell("/verifyReceipt", RECEIPT("a", "5"));
  const before = w.posted.length;
  w.teller.recall();
  assert.deepEqual(w.posted.slice(before).map(([, p]) => p), [PAYMENT(3), PAYMENT(4), PAYMENT(2)]);
  assert.equal(w.heard.length, before, "nobody is told of that");
});
