// The page's elements, and what it says in words.
export const get = id => document.getElementById(id);

export function element(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), {textContent: text}, properties);
}

export function save(blob, name) {
  const link = element("a", "", {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export const saveCsv = (text, name) => save(new Blob([text], {type: "text/csv"}), name);

// An error's line, until it is dismissed or another takes its place; "" for none.
export function fail(text) {
  get("error").firstElementChild.textContent = text;
  get("error").hidden = !text;
}

// Say something to those who listen to the page; not more than one thing a second, the last one wins.
let saying = 0;
export function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => { get("said").textContent = text; }, 1000);
}

// Do something asynchronous; an error becomes the page's line.
export const guarded = action => async (...values) => {
  try {
    await action(...values);
  } catch (error) {
    fail(error.message);
  }
};

// Ask the server; its answer, or an Error with its line and status.
export async function ask(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server does not answer; see whether it still runs in its terminal.");
  });
  const answer = await response.json().catch(() => ({}));
  const {ok, status} = response;
  if (!ok) throw Object.assign(new Error(answer.error || `The server answers ${status} to ${path}.`), {status});
  return answer;
}
