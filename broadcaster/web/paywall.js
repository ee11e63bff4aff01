// What a player shows of the viewer's account where streams cost something, and how money comes:
// loaded by player.js on pages of a server that says so (<meta name="payment">).

import { make, say } from './api.js';
import { takeReceipts } from './receipts.js';
import { Teller } from './teller.js';
import { account, addressOf, signed } from './viewer.js';

const LOOK_MS = 5000;
const WAIT_S = 25; // that a question for news is held by the server
const RETRY_MS = 2000;

/** What is heard of the viewer's account: 'told' (detail: as /account.json says it), 'credited'
 * (the balance, as text), 'failed' (why a payment was not credited). */
export const payments = new EventTarget();

function announce(name, detail) {
  payments.dispatchEvent(new CustomEvent(name, { detail }));
}

function pause(ms) {
  return new Promise((done) => {
    setTimeout(done, ms);
  });
}

async function post(path, payment) {
  try {
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(await signed(payment)),
    });
    return { status: answer.status, text: (await answer.text()).trim() };
  } catch {
    return { status: 0, text: 'The server cannot be reached.' };
  }
}

const teller = new Teller(post, (status, text) => {
  announce(status >= 200 && status < 300 ? 'credited' : 'failed', text);
});

/** What was not told yet is, when a page of this tab is there again. */
function goOnTelling() {
  try {
    const storage = sessionStorage;
    addEventListener('pagehide', () => teller.keepIn(storage));
    teller.goOnWith(storage);
  } catch {
    // a browser that keeps nothing
  }
}

/** Tells the server of each payment that the browser's wallet makes; it asks the wallet itself, or
 * sees by the receipt. */
function listenToWallet() {
  document.addEventListener('monetization', (e) => teller.tell('/monetization', {
    incomingPayment: e.incomingPayment, paymentPointer: e.paymentPointer,
  }));
  takeReceipts((receipt) => teller.tell('/verifyReceipt', receipt));
  goOnTelling();
}

/** Whether nothing is paid for just now. */
function lacks({ missing, frozen }) {
  return Number(missing) > 0 || frozen;
}

class Payment {
  /** root: where it is shown; null: nowhere. what: { stream: ID } or { file: PATH }. goOn: called
   * when there is money for what was missing. */
  constructor(root, what, goOn) {
    this.what = what;
    this.goOn = goOn;
    this.bar = make('p', { className: 'payment', role: 'status' });
    root?.append(this.bar);
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.credited = () => this.look();
    payments.addEventListener('credited', this.credited);
  }

  destroy() {
    clearInterval(this.timer);
    payments.removeEventListener('credited', this.credited);
    this.over = true;
    this.bar.remove();
  }

  #show(told) {
    if (this.over) {
      return;
    }
    announce('told', told);
    const { balance, price, per, missing, asset } = told;
    const facts = [];
    if (price !== null) {
      facts.push(`Balance ${balance ?? '0'} ${asset}`, `${price} ${asset} a ${per}`);
    }
    if (this.waiting && told.frozen) {
      facts.push('This account may not spend: ask the operator');
    } else if (this.waiting && Number(missing) > 0) {
      facts.push(`${missing} ${asset} missing`);
    }
    say(this.bar, facts.join(' · '));
    this.bar.hidden = facts.length === 0;
    this.bar.classList.toggle('unpaid', Boolean(this.waiting));
  }

  async look() {
    if (this.waiting || document.hidden) {
      return;
    }
    try {
      this.#show(await account(this.what));
    } catch {
      // the player says that the server cannot be reached
    }
  }

  /** The picture stands: until there is money for what was asked for. */
  async wait() {
    if (this.waiting) {
      return;
    }
    this.waiting = true;
    let version = 0;
    while (!this.over) {
      try {
        const told = await account(version ? { ...this.what, wait: WAIT_S, version }
          : this.what);
        this.#show(told);
        if (told.token || !lacks(told)) {
          break; // the account is new, or has what was missing
        }
        if (told.version === version) {
          teller.recall();
        }
        version = told.version;
      } catch {
        await pause(RETRY_MS);
      }
    }
    this.waiting = false;
    this.goOn();
  }
}

/** For a player of a stream (player.js), whose payment it returns. */
export function attachPayment({ root, playback }, id) {
  const payment = new Payment(root, { stream: id }, () => playback.paid());
  playback.dress = addressOf;
  playback.addEventListener('unpaid', () => payment.wait());
  payment.look();
  return payment;
}

function beginAgain(media) {
  const at = media.currentTime;
  const plays = !media.paused;
  media.load();
  media.currentTime = at;
  if (plays) {
    media.play().catch(() => {});
  }
}

/** For an element that plays a file below /media/, which comes as it is paid: its payment. That has
 * begun when the viewer has an account, and the file can be asked for, by addressOf (viewer.js). */
export function payForFile(root, media, path) {
  const payment = new Payment(root, { file: path }, () => {
    if (media.error) {
      beginAgain(media);
    }
    payment.look();
  });
  /** When it has failed: whether that was for lack of money. Then it begins again when some has
   * come: the server ends what has waited too long for it. */
  payment.mends = async () => {
    const told = await account(payment.what).catch(() => null);
    const mends = told !== null && lacks(told);
    if (mends) {
      payment.wait();
    }
    return mends;
  };
  media.addEventListener('waiting', () => payment.wait());
  media.addEventListener('stalled', () => payment.wait());
  payment.begun = payment.look();
  return payment;
}

listenToWallet(); // it pays for the page, whatever is played on it
