// <wmm-video> and <wmm-audio> as a page of such a system has them, after what is known of their
// requests, attributes and events. What they are used for here: that a server which they know
// nothing of serves them. They stand in for the elements themselves, whose packages (@eqlabs/...) no
// registry has any more.

const SHOW_MS = 600; // at most one receipt in such a time
const USER_KEY = 'userId';

function userId() {
  let id = localStorage.getItem(USER_KEY);
  if (!id) {
    id = crypto.randomUUID();
    localStorage.setItem(USER_KEY, id);
  }
  return id;
}

class MonetizedMedia extends HTMLElement {
  static observedAttributes = ['src', 'paymenturl', 'skipverification'];

  #shown = -Infinity; // when the last receipt was
  #progress = (e) => this.#paid(e.detail);
  #stopped = () => this.#tell('monetizationStopped');

  constructor(kind) {
    super();
    const notice = document.createElement('wmm-notification');
    notice.hidden = true;
    this.media = document.createElement(kind);
    this.media.className = 'media';
    this.media.controls = true;
    this.media.autoplay = true;
    this.media.addEventListener('progress', () => this.#mark('data-ok'));
    this.media.addEventListener('stalled', () => this.#stall(notice));
    for (const name of ['play', 'playing']) {
      this.media.addEventListener(name, () => (notice.hidden = true));
    }
    this.attachShadow({ mode: 'open' }).append(this.media, notice);
  }

  get src() {
    return this.getAttribute('src');
  }

  set src(url) {
    this.setAttribute('src', url);
  }

  get paymentUrl() {
    return this.getAttribute('paymentUrl');
  }

  set paymentUrl(url) {
    this.setAttribute('paymentUrl', url);
  }

  connectedCallback() {
    let meta = document.head.querySelector('meta[name=monetization]');
    if (!meta) {
      meta = document.createElement('meta');
      meta.name = 'monetization';
      document.head.append(meta);
    }
    meta.content = this.paymentUrl ?? '';
    this.#mark('data-pending');
    document.monetization?.addEventListener('monetizationprogress', this.#progress);
    document.monetization?.addEventListener('monetizationstop', this.#stopped);
  }

  disconnectedCallback() {
    document.head.querySelector('meta[name=monetization]')?.remove();
    document.monetization?.removeEventListener('monetizationprogress', this.#progress);
    document.monetization?.removeEventListener('monetizationstop', this.#stopped);
    this.media.removeAttribute('src');
    this.media.load();
  }

  attributeChangedCallback(name, before, now) {
    if (name === 'src' && now) {
      const url = new URL(now, location.href);
      if (!url.searchParams.has('userId')) {
        url.searchParams.set('userId', userId());
      }
      this.media.src = url;
    }
  }

  /** Its own events are on itself; the others are those of the media element inside. */
  addEventListener(name, ...rest) {
    const own = ['monetized', 'monetizeFailed', 'monetizationStopped'].includes(name);
    if (own) {
      super.addEventListener(name, ...rest);
    } else {
      this.media.addEventListener(name, ...rest);
    }
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #mark(state) {
    this.classList.remove('data-pending', 'data-ok', 'data-stalled');
    this.classList.add(state);
  }

  #stall(notice) {
    this.#mark('data-stalled');
    notice.hidden = false;
    notice.textContent = { started: 'It is being paid for', pending: 'Payments are beginning' }[
      document.monetization?.state] ?? 'A wallet is needed';
  }

  async #paid(detail) {
    if (JSON.parse(this.getAttribute('skipVerification') ?? 'false')) {
      return;
    }
    if (performance.now() - this.#shown < SHOW_MS) {
      return; // a later one has the sum of all
    }
    this.#shown = performance.now();
    const { origin } = new URL(this.src, location.href);
    const answer = await fetch(`${origin}/verifyReceipt`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...detail, userId: userId() }),
    });
    const text = await answer.text();
    const accountBalance = Number(text);
    if (Number.isNaN(accountBalance)) {
      this.#tell('monetizeFailed', text);
    } else {
      this.#tell('monetized', { accountBalance });
    }
  }
}

customElements.define('wmm-video', class extends MonetizedMedia {
  constructor() {
    super('video');
  }
});
customElements.define('wmm-audio', class extends MonetizedMedia {
  constructor() {
    super('audio');
  }
});
