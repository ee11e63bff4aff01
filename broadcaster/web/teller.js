// Tells the server of payments until it has taken each: what it never hears of is credited to nobody.

const RETRY_MS = 2000;
const RETRY_MAX_MS = 30000;
const TRIES = 40; // a quarter of an hour and more
const RECALLED = 3; // of the payments that may still grow, the newest
const KEY = 'untold';

function pause(ms) {
  return new Promise((done) => {
    setTimeout(done, ms);
  });
}

/** What a payment is a total of: of the two, the newer one says all that the other does. A receipt
 * begins with its version, nonce and stream: 18 bytes. */
function sourceOf(payment) {
  return payment.incomingPayment ?? payment.receipt?.slice(0, 24);
}

/** Not heard, or not now; of a receipt 409 is that it could not be kept. */
function isForLater(status, path) {
  return status === 0 || status === 429 || status >= 500
    || (status === 409 && path === '/verifyReceipt');
}

export class Teller {
  /** post(path, payment): gives {status, text}, status 0 when there is no answer. heard(status,
   * text): how it went; while it is tried again, the first time only. retryMs: for tests. */
  constructor(post, heard, retryMs = RETRY_MS) {
    this.post = post;
    this.heard = heard;
    this.retryMs = retryMs;
    this.untold = new Map(); // [path, payment] by what it is a total of
    this.growing = []; // addresses of incoming payments
  }

  async tell(path, payment) {
    const source = sourceOf(payment);
    const entry = [path, payment];
    this.untold.set(source, entry);
    if (payment.incomingPayment) {
      this.growing = [...this.growing.filter((p) => p.incomingPayment !== source), payment]
        .slice(-RECALLED);
    }
    for (let n = 0; n < TRIES && this.untold.get(source) === entry; n++) {
      const { status, text } = await this.post(path, payment);
      const again = isForLater(status, path);
      if (!again || n === 0) {
        this.heard(status, text);
      }
      if (!again) {
        break;
      }
      await pause(Math.min(this.retryMs * 1.5 ** n, RETRY_MAX_MS));
    }
    if (this.untold.get(source) === entry) {
      this.untold.delete(source);
    }
  }

  /** Money may come long after its payment was told of, and the server may have been started anew
   * meanwhile: it is asked to look again. */
  recall() {
    for (const payment of this.growing) {
      if (!this.untold.has(payment.incomingPayment)) {
        this.post('/monetization', payment);
      }
    }
  }

  /** The viewer loads the page anew because nothing plays: the next page goes on with it. */
  keepIn(storage) {
    if (this.untold.size > 0) {
      storage.setItem(KEY, JSON.stringify([...this.untold.values()]));
    }
  }

  goOnWith(storage) {
    const text = storage.getItem(KEY);
    storage.removeItem(KEY);
    for (const [path, payment] of JSON.parse(text ?? '[]')) {
      this.tell(path, payment);
    }
  }
}
