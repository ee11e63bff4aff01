// Who the viewer is to a server where something costs something: a cookie that no script sees or,
// where the browser keeps none (in a frame of another site's page, or because it is set so), a token
// that goes with each request.

const KEY = 'viewer';

let token = '';
let met; // that it is known which of both it is

function kept() {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

function take(another) {
  token = another;
  try {
    localStorage.setItem(KEY, token);
  } catch {
    // A browser that keeps nothing at all: on the next page it is another viewer.
  }
}

async function ask(parameters) {
  const query = Object.entries(token ? { ...parameters, token } : parameters)
    .map((pair) => pair.map(encodeURIComponent).join('='));
  const answer = await fetch(`/account.json?${query.join('&')}`, { cache: 'no-store' });
  if (!answer.ok) {
    throw new Error(`account: ${answer.status}`);
  }
  return answer.json();
}

/** Who is new is given an account; who is new a second time keeps no cookie. */
async function meet() {
  const first = await ask({});
  const second = first.token ? await ask({}) : first;
  if (second.token) {
    take(kept() || second.token);
  }
}

async function known() {
  met ??= meet();
  try {
    await met;
  } catch (e) {
    met = undefined;
    throw e;
  }
}

/** What /account.json says to these parameters: stream or file, wait, version. */
export async function account(parameters) {
  await known();
  const told = await ask(parameters);
  if (told.token && token) {
    take(told.token); // the server's keys have changed
  } else if (told.token) {
    met = undefined; // the cookie has gone
  }
  return told;
}

/** An address of this server, as this viewer asks for it. */
export function addressOf(path) {
  return token ? `${path}?token=${encodeURIComponent(token)}` : path;
}

/** What is posted, as this viewer's. */
export async function signed(object) {
  await known();
  return token ? { ...object, token } : object;
}
