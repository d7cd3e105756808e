// The first event of a stream as an EventSource of npm gives it, its data as JSON: node follow.js PACKAGE URL
const [name, url] = process.argv.slice(2);
const { EventSource } = await import(name);
const source = new EventSource(url);
source.onmessage = (event) => {
  console.log(JSON.stringify({ id: event.lastEventId, data: event.data }));
  source.close();
  process.exit(0);
};
