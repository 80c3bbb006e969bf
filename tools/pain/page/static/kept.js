// Episodes of every video are kept in this tab, too, for when the server has them no more, by the video's id:
// {name, episodes, csv (their table), saved (the episodes when that was last saved, as JSON), unsent (not at the server)}.
const PREFIX = "episodes of ";

export const keep = (id, entry) => sessionStorage.setItem(PREFIX + id, JSON.stringify(entry));
export const kept = id => JSON.parse(sessionStorage.getItem(PREFIX + id));
export const forget = id => sessionStorage.removeItem(PREFIX + id);
export const allKept = () => Object.keys(sessionStorage).filter(key => key.startsWith(PREFIX))
  .map(key => key.slice(PREFIX.length)).map(id => ({id, ...kept(id)})).filter(({episodes}) => episodes.length);

export const isSaved = ({episodes, saved}) => JSON.stringify(episodes) === saved;

addEventListener("beforeunload", event => {
  if (!allKept().every(isSaved)) event.preventDefault();  // the browser asks
});
