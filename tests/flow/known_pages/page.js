// A page of somebody else's, with media of another server: ?server=ORIGIN.

const server = new URLSearchParams(location.search).get('server');
const { fullPaymentUrl, WMM_AUDIO_VIDEO_HOST, WMM_AUDIO_VIDEO_PORT } =
  await import(`${server}/config.js`);
const media = `http://${WMM_AUDIO_VIDEO_HOST}:${WMM_AUDIO_VIDEO_PORT}/media/`;

function log(text) {
  const line = document.createElement('li');
  line.textContent = text;
  document.querySelector('#log').prepend(line);
}

window.heard = []; // what the element inside tells
window.looks = []; // the classes that the outer one had

for (const kind of ['video', 'audio']) {
  const link = document.querySelector(`#${kind}`);
  link.addEventListener('click', (e) => {
    e.preventDefault();
    const element = document.createElement(`wmm-${kind}`);
    element.src = media + link.getAttribute('href');
    element.paymentUrl = fullPaymentUrl;
    element.addEventListener('monetized', ({ detail }) => log(`Balance: ${detail.accountBalance}`));
    element.addEventListener('monetizeFailed', ({ detail }) => log(`Failed: ${detail}`));
    element.addEventListener('monetizationStopped', () => log('Stopped'));
    for (const name of ['playing', 'waiting', 'stalled', 'ended', 'error']) {
      element.addEventListener(name, () => window.heard.push(name));
    }
    new MutationObserver(() => window.looks.push(element.className)).observe(element, {
      attributeFilter: ['class'],
    });
    document.querySelector('#container').replaceChildren(element);
  });
}
document.body.dataset.ready = 'yes';
