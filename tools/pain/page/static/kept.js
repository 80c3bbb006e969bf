// Episodes of every video are kept in this tab, for when it is shown again: {name, episodes, csv, saved}, by its id.
const PREFIX = "episodes of ";

export const keep = (id, entry) => sessionStorage.setItem(PREFIX + id, JSON.stringify(entry));
export const kept = id => JSON.parse(sessionStorage.getItem(PREFIX + id));
export const forget = id => sessionStorage.removeItem(PREFIX + id);
export const allKept = () => Object.keys(sessionStorage).filter(key => key.startsWith(PREFIX))
  .map(key => key.slice(PREFIX.length)).map(id => ({id, ...kept(id)}));

// saved: the episodes when they were last saved as a file, as JSON.
export const isSaved = ({episodes, saved}) => JSON.stringify(episodes) === saved;

addEventListener("beforeunload", event => {
  if (!allKept().every(isSaved)) event.preventDefault();  // the browser asks
});
