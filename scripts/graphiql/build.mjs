// Bundles GraphiQL into app/storefront/graphiql/static: one script, one style sheet, the licences, a manifest.
// In: node_modules as package-lock.json has it. Out: files whose names carry a digest of their content.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(here, "../../app/storefront/graphiql/static");
const json = async (path) => JSON.parse(await readFile(path, "utf8"));

const stylesWithoutFonts = {
  name: "styles-without-fonts",
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    }));
  },
};

const result = await build({
  absWorkingDir: here,
  alias: { "react-style-singleton": "./style-singleton.js" },
  bundle: true,
  charset: "utf8",
  define: { "process.env.NODE_ENV": '"production"', "globalThis.process": "undefined" },
  entryPoints: { graphiql: "boot.jsx" },
  format: "iife",
  jsx: "automatic",
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  minify: true,
  outdir: out,
  plugins: [stylesWithoutFonts],
  target: "es2020",
  write: false,
});

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const { version } = await json(join(here, "node_modules/graphiql/package.json"));
const manifest = { version };
for (const { path, contents } of result.outputFiles) {
  const extension = path.endsWith(".css") ? "css" : "js";
  const digest = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const name = `graphiql-${version}-${digest}.${extension}`;
  await writeFile(join(out, name), contents);
  manifest[extension === "css" ? "style" : "script"] = name;
}
await writeFile(join(out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

// The licence of every package of which a part is in the bundle.
const folders = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
  if (match) folders.add(match[1]);
}
const notices = new Map(); // a licence's text -> the packages under it
for (const folder of [...folders].sort()) {
  const meta = await json(join(here, folder, "package.json"));
  const file = (await readdir(join(here, folder))).find((name) => /^licen[cs]e(\.(md|txt))?$/i.test(name));
  const graphiqlPart = meta.name === "graphiql" || meta.name.startsWith("@graphiql/");
  const path = file ? join(here, folder, file) : graphiqlPart && join(here, "node_modules/@graphiql/react/LICENSE");
  const author = typeof meta.author === "object" ? meta.author.name : meta.author?.replace(/\s*[<(].*$/, "");
  const text = path
    ? (await readFile(path, "utf8")).replaceAll("\r\n", "\n").trim()
    : `The package names its licence, ${meta.license}, and holds no text of it. Author: ${author ?? "not named"}.`;
  notices.set(text, [...(notices.get(text) ?? []), `${meta.name} ${meta.version} (${meta.license})`]);
}
const intro =
  "GraphiQL for Vitrine is one script and one style sheet, bundled from the packages below.\n" +
  "Each is under the licence that follows its name.";
const sections = [...notices].map(([text, names]) => `${names.sort().join("\n")}\n\n${text}`).sort();
await writeFile(join(out, "LICENSES.txt"), `${[intro, ...sections].join(`\n\n${"-".repeat(100)}\n\n`)}\n`);

for (const { contents, path } of result.outputFiles) console.log(path.split("/").pop(), contents.length, "bytes");
console.log(folders.size, "packages in the bundle");
