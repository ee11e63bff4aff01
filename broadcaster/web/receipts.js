// Payments of wallets that give STREAM receipts: document.monetization tells of them, as wallets
// had it before <link rel="monetization">. Each receipt says what its payment has come to so far.

import { make } from './api.js';

const SHOW_MS = 600;

/** show(detail): has the server see a receipt; of those that come sooner, the newest. */
export async function takeReceipts(show) {
  const wallet = document.monetization;
  if (!wallet) {
    return;
  }
  let newest = null;
  let pausing = false;
  const next = () => {
    pausing = newest !== null;
    if (pausing) {
      show(newest);
      newest = null;
      setTimeout(next, SHOW_MS);
    }
  };
  wallet.addEventListener('monetizationprogress', ({ detail }) => {
    if (detail?.receipt) {
      newest = detail;
      if (!pausing) {
        next();
      }
    }
  });
  const { fullPaymentUrl } = await import('/config.js');
  if (fullPaymentUrl) {
    document.head.append(make('meta', { name: 'monetization', content: fullPaymentUrl }));
  }
}
