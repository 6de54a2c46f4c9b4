"use strict";
// The explorer: GraphiQL where its published address can be reached, else the plain page that is in the document. Both
// ask through the same two functions, `once` and `live`, and only at /graphql.

const at = (id) => document.getElementById(id);

/** Sends an operation; the token's field outdoes the cookie. */
const post = (operation, headers, accept, signal) => {
  const token = at("token").value.trim();
  const bearer = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch("/graphql", {
    method: "POST",
    headers: { ...bearer, ...headers, "Content-Type": "application/json", Accept: accept },
    body: JSON.stringify(operation),
    signal,
  });
};

/** The answer of a query or mutation. */
const once = async (operation, headers) =>
  (await post(operation, headers, "application/graphql-response+json, application/json;q=0.9")).json();

/** The results of an event stream, read from the answer's body so that a token can be sent along. */
async function* results(operation, headers, signal) {
  const response = await post(operation, headers, "text/event-stream", signal);
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    yield response.json();
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      if (lines.includes("event: complete")) return;
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (data.length > 0) yield JSON.parse(data.join("\n"));
    }
  }
}

/** The same, ended at once by `return`: a generator alone would wait for the next event first. */
const live = (operation, headers) => {
  const stop = new AbortController();
  const items = results(operation, headers, stop.signal);
  const over = { value: undefined, done: true };
  return {
    next: () => items.next().catch((error) => (stop.signal.aborted ? over : Promise.reject(error))),
    return: async () => (stop.abort(), over),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

/** Adds an element that loads from the published address, and waits until it has. */
const load = (tag, attributes, integrity) =>
  new Promise((done, failed) => {
    const element = Object.assign(document.createElement(tag), attributes, { integrity, crossOrigin: "anonymous" });
    element.onload = done;
    element.onerror = () => failed(new Error("it did not load"));
    setTimeout(() => failed(new Error("it did not load in time")), 15000);
    document.head.append(element);
  });

const showGraphiql = async () => {
  const { style, scripts } = JSON.parse(document.body.dataset.published);
  await load("link", { rel: "stylesheet", href: style.url }, style.integrity);
  for (const { url, integrity } of scripts) await load("script", { src: url }, integrity);
  const isLive = ({ operationName }, document) =>
    document?.definitions.some(
      ({ operation, name }) => operation === "subscription" && (!operationName || name?.value === operationName),
    );
  const fetcher = (operation, { headers, documentAST } = {}) =>
    (isLive(operation, documentAST) ? live : once)(operation, headers);
  // What is typed here can be confidential: it is kept as long as this tab, not in the profile.
  const settings = { fetcher, storage: sessionStorage, shouldPersistHeaders: false, defaultQuery: at("query").value };
  at("graphiql").hidden = false;
  ReactDOM.createRoot(at("graphiql")).render(React.createElement(GraphiQL, settings));
};

const showPlain = () => {
  at("graphiql").hidden = true;
  at("plain").hidden = false;
  at("why").textContent = "GraphiQL could not be loaded from its published address. This plain page does without it.";
  let running = null;
  // The newest of it: a subscription can go on for days.
  const show = (text) => (at("answer").textContent = `${at("answer").textContent}${text}\n`.slice(-200000));
  const say = (result) => show(JSON.stringify(result, null, 2));
  const ask = async (isLive) => {
    await running?.return();
    at("answer").textContent = "";
    try {
      const object = (id) => JSON.parse(at(id).value.trim() || "{}");
      const operation = { query: at("query").value, variables: object("variables") };
      if (!isLive) return say(await once(operation, object("headers")));
      const mine = (running = live(operation, object("headers")));
      at("stop").disabled = false;
      for await (const result of mine) if (running === mine) say(result);
      if (running === mine) at("stop").disabled = true;
    } catch (error) {
      at("stop").disabled = true;
      show(error);
    }
  };
  at("run").onclick = () => ask(false);
  at("subscribe").onclick = () => ask(true);
  at("stop").onclick = () => running?.return();
};

showGraphiql().catch(showPlain);
