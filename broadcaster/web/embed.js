// /embed/ID: the player alone. ?muted=0 begins with sound where the browser allows it.

import { byId, idOfPage } from './api.js';
import { createPlayer, listenToKeys } from './player.js';

const muted = new URLSearchParams(location.search).get('muted') !== '0';
const id = idOfPage();
document.title = id;
const player = createPlayer(byId('player'), id, { muted });
listenToKeys(() => player);
