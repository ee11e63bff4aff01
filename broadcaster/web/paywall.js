// What a player shows of the viewer's account where streams cost something, and how money comes:
// loaded by player.js on pages of a server that says so (<meta name="payment">).

import { make } from './api.js';

const LOOK_MS = 5000;
const WAIT_S = 25; // that a question for news is held by the server
const RETRY_MS = 2000;

/** what: { stream: ID } or { file: PATH }. */
async function account(what, more = {}) {
  const answer = await fetch(`/account.json?${new URLSearchParams({ ...what, ...more })}`, {
    cache: 'no-store',
  });
  if (!answer.ok) {
    throw new Error(`account: ${answer.status}`);
  }
  return answer.json();
}

function pause(ms) {
  return new Promise((done) => {
    setTimeout(done, ms);
  });
}

/** Tells the server of each payment that the browser's wallet makes; it asks the wallet itself. */
let listening = false;
function listenToWallet() {
  if (listening) {
    return;
  }
  listening = true;
  document.addEventListener('monetization', (e) => {
    fetch('/monetization', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        incomingPayment: e.incomingPayment, paymentPointer: e.paymentPointer,
      }),
    }).catch(() => {}); // the next payment of this session says the same sum and more
  });
}

class Payment {
  /** goOn: called when there is money for what was missing. */
  constructor(root, what, goOn) {
    this.what = what;
    this.goOn = goOn;
    this.bar = make('p', { className: 'payment', role: 'status' });
    root.append(this.bar);
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  destroy() {
    clearInterval(this.timer);
    this.over = true;
    this.bar.remove();
  }

  #show(told) {
    const { balance, price, per, missing, asset } = told;
    const facts = [];
    if (price !== null) {
      facts.push(`Balance ${balance ?? '0'} ${asset}`, `${price} ${asset} a ${per}`);
    }
    if (this.waiting && Number(missing) > 0) {
      facts.push(`${missing} ${asset} missing`);
    }
    this.bar.textContent = facts.join(' · ');
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
        const told = await account(this.what, version ? { wait: WAIT_S, version } : {});
        this.#show(told);
        if (told.token || Number(told.missing) === 0) {
          break; // the account is new, or has what was missing
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

/** For a player of a stream (player.js). */
export function attachPayment({ root, playback }, id) {
  listenToWallet();
  const payment = new Payment(root, { stream: id }, () => playback.paid());
  playback.addEventListener('unpaid', () => payment.wait());
  payment.look();
}

/** For a video element that plays a file below /media/, which comes as it is paid. What it returns is
 * done when the viewer has an account, and the file can be asked for. */
export async function payForFile(root, video, path) {
  listenToWallet();
  const payment = new Payment(root, { file: path }, () => payment.look());
  video.addEventListener('waiting', () => payment.wait());
  await payment.look();
}
