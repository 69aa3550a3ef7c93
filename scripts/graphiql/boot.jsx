// The page's only script: GraphiQL with its documentation explorer, history, variables and headers editors.
// In: <div id="graphiql" data-endpoint="..." data-query="...">. Out: GraphiQL drawn into that element.
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import "./boot.css";

const element = document.getElementById("graphiql");
const endpoint = element.dataset.endpoint;

// In: an operation and the headers of the headers editor. Out: the server's answer, as parsed JSON.
async function fetcher(operation, options = {}) {
  const answer = await fetch(endpoint, {
    method: "POST",
    credentials: "same-origin",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...options.headers,
    },
    body: JSON.stringify(operation),
  });
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${answer.status} ${answer.statusText}: ${text.slice(0, 500)}`);
  }
}

// GraphiQL's history would write the request headers, tokens among them, to the disk of the browser: they are left
// out, as GraphiQL itself leaves them out of the tabs that it keeps.
function withoutHeaders(key, value) {
  if (key !== "graphiql:queries" && key !== "graphiql:favorites") return value;
  return JSON.stringify(JSON.parse(value), (name, item) => (name === "headers" ? undefined : item));
}

const storage = {
  get length() {
    return localStorage.length;
  },
  clear: () => localStorage.clear(),
  getItem: (key) => localStorage.getItem(key),
  removeItem: (key) => localStorage.removeItem(key),
  setItem: (key, value) => localStorage.setItem(key, withoutHeaders(key, value)),
};

createRoot(element).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    defaultQuery={element.dataset.query || undefined}
    defaultEditorToolsVisibility={true}
    shouldPersistHeaders={false}
    schemaDescription={true}
    inputValueDeprecation={true}
  />,
);
