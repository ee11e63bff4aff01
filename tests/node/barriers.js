// What keeps people from using a page that they cannot see well, or at all: [what, where, ...] for
// each (WCAG 2.2, level AA, as far as a program can tell). A function, to be evaluated in the page.
() => {
  const TEXT = 4.5;
  const LARGE_TEXT = 3; // from 24 px on, or 18.66 px in bold
  const TARGET_PX = 24;
  const found = [];
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });

  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92
      : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const where = (e) => `${e.tagName.toLowerCase()}.${e.className}: ${e.textContent.trim().slice(0, 40)}`;

  // null: there is a picture behind it.
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== 'none') {
        return null;
      }
      layers.unshift(rgba(style.backgroundColor));
    }
    return layers.reduce((below, top) => over(top, below), rgba('Canvas'));
  };

  const looked = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    const shown = e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const counts = shown && texts.currentNode.data.trim() !== '' && !looked.has(e);
    looked.add(e);
    const below = counts && !e.closest('.player, noscript, option, .hidden, .skip') && behind(e);
    if (below) {
      const style = getComputedStyle(e);
      const both = [luminance(over(rgba(style.color), below)), luminance(below)];
      const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (large ? LARGE_TEXT : TEXT)) {
        found.push(['contrast', where(e), ratio.toFixed(2)]);
      }
    }
  }
  for (const e of document.querySelectorAll('button, a[href], input, select, textarea, video')) {
    const label = [...(e.labels ?? [])].map((l) => l.textContent).join('');
    const name = e.getAttribute('aria-label') || e.title || label || e.textContent;
    if (e.checkVisibility() && name.trim() === '') {
      found.push(['no name', e.outerHTML.slice(0, 100)]);
    }
    const { width, height } = e.getBoundingClientRect();
    if (e.checkVisibility() && e.matches('button, select') && Math.min(width, height) < TARGET_PX) {
      found.push(['too small', where(e), width, height]);
    }
  }
  for (const e of document.querySelectorAll('img:not([alt])')) {
    found.push(['no alternative text', e.outerHTML.slice(0, 100)]);
  }
  for (const name of ['aria-labelledby', 'aria-describedby']) {
    for (const e of document.querySelectorAll(`[${name}]`)) {
      if (!document.getElementById(e.getAttribute(name))) {
        found.push(['leads nowhere', name, e.getAttribute(name)]);
      }
    }
  }
  return found;
}
