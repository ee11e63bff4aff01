// /embed/ID: the player alone. ?muted=0 begins with sound where the browser allows it. Who opens it
// by itself, and not inside of another page, gets the snippet that puts it into one.

import { byId, embedSnippet, idOfPage, wireCopyButtons } from './api.js';
import { createPlayer, listenToKeys } from './player.js';

const muted = new URLSearchParams(location.search).get('muted') !== '0';
const id = idOfPage();
document.title = id;
byId('embed').textContent = embedSnippet(id, !muted);
byId('share').hidden = window.self !== window.top;
wireCopyButtons();
const player = createPlayer(byId('player'), id, { muted });
listenToKeys(() => player);
