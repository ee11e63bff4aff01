// What the server tells about its media files.

import { get } from './api.js';

/** What /media.json lists, or null where there is no list. */
export async function mediaFiles() {
  const { status, text } = await get('/media.json');
  try {
    return status === 200 ? JSON.parse(text).media ?? [] : null;
  } catch {
    return null;
  }
}

/** path: a file's name in the list, with its folders. */
export function pathsOfMedia(path) {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return { file: `/media/${encoded}`, page: `/watch/${encoded}` };
}

/** The path in the address of a page such as /watch/PATH. */
export function pathOfPage() {
  const path = location.pathname.replace(/^\/watch\//, '');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** "1:02:03", or '' for what is not known. */
export function clock(seconds) {
  if (!Number.isFinite(seconds)) {
    return '';
  }
  const s = Math.round(seconds);
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(s % 60)}`;
}

export function bytes(n) {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = n;
  let i = 0;
  for (; value >= 1000 && i + 1 < names.length; i++) {
    value /= 1000;
  }
  return `${value.toFixed(i > 0 && value < 10 ? 1 : 0)} ${names[i]}`;
}

/** What a file is called: its title, or its name without folders and ending. */
export function titleOf(file) {
  return file.title || file.name.replace(/^.*\//, '').replace(/\.[^.]*$/, '');
}

/** What is known of a file, for people. */
export function factsOf(file) {
  const codecs = [file.video_codec, file.audio_codec].filter(Boolean).join(' + ');
  return [
    clock(file.duration_s ?? NaN), file.height ? `${file.width} × ${file.height}` : '', codecs,
    bytes(file.size),
  ].filter(Boolean);
}
