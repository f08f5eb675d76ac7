// Makes tests/data/*.tsv with the npm packages that Express is built on; the
// tests of src/web read them. Run from the folder that has node_modules:
//
//	node vectors.mjs .../tests/data
//
// What is written is described in tests/vectors.h.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const folder = process.argv[2] ?? ".";

// A field as tests/vectors.c reads it.
function field(value) {
  if (value === undefined || value === null) return "\\-";
  return [...Buffer.from(String(value), "utf8")].map((byte) => {
    if (byte === 0x5c) return "\\\\";
    if (byte === 0x09) return "\\t";
    if (byte === 0x0a) return "\\n";
    if (byte === 0x0d) return "\\r";
    if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
    return `\\x${byte.toString(16).padStart(2, "0")}`;
  }).join("");
}

// From the file, which not every package lets one require.
const versionOf = (name) => JSON.parse(readFileSync(new URL(
  `node_modules/${name}/package.json`, import.meta.url))).version;

function write(name, packages, columns, rows) {
  const made = packages.map((p) =>
    `${p} ${versionOf(p)}`).join(", ");
  writeFileSync(`${folder}/${name}.tsv`,
    `# Made by tests/interop/vectors.mjs with ${made}.\n# ${columns}\n` +
    rows.map((row) => row.map(field).join("\t") + "\n").join(""));
  console.log(`${name}: ${rows.length}`);
}

// ---- path-to-regexp ---------------------------------------------------------

function patterns() {
  const { match } = require("path-to-regexp");
  const texts = ["/", "/a", "/a/b", "/a/", "/:id", "/u/:id", "/u/:id/edit",
    "/:from-:to", "/:a.:b", "/:a-:b-:c", "/u/:id.json", "/:a-x-:b", "/*path",
    "/f/*path", "/f-*path", "/*a/x/*b", "/*a-:b", "/:a-*b", "/*path/edit",
    "/:x/*y/:z", "/{:lang}", "{/:lang}/about", "/a{/:b}", "/a{/:b{/:c}}",
    "/a{/:b}{/:c}", "/f{.:ext}", "/:name{.:ext}", "/a{b}c", "/files{/*path}",
    "/x{/y}/:z", "/\\:id", "/a\\{b\\}", '/:"a b"', '/:"id"x', "/:$a/:_b",
    "/:a/:b/:c", "/caf\u00e9/:x", "/*p.:e", "/:a--:b", "/*x/*y", "*rest",
    "/:a:b", "/*a*b", "/:", "/*", "/a{", "/a}", "/a(b)", "/a?", "/a+", "/a!",
    "/[a]", "/a\\", '/:"a', "/:1a", "/a{:b}:c"];
  const paths = ["/", "/a", "/A", "/a/", "/a//", "/a/b", "/a/b/", "/a/b/c",
    "/a/b/c/d", "/ab", "/abc", "/u/7", "/U/7", "/u/", "/u/7/edit",
    "/u/7/show", "/u/7/edit/", "/u/7.json", "/u/7.json.json", "/x-y",
    "/x-y-z", "/-x-y", "/x-", "/--", "/---", "/x.y", "/x.y.z", "/x-x-y",
    "/x-x-x-y", "/f", "/f/", "/f/p", "/f/p/q", "/f/p/q/", "/f-p/q", "/f.txt",
    "/p/x/q", "/p/x/x/q", "/p/q/x/r/s", "/p/edit", "/p/q/edit", "/edit",
    "/about", "/en/about", "/en", "/:id", "/a{b}", "/7x", "/caf\u00e9/z",
    "/x/y/z", "/x/z", "/x/1/2/z", "//", "/a.b/c.d", "/p.q.r", "/ac", "/a b",
    "/%", "/files", "/files/a/b", "/x--y--z", "", "/x-y/z-w", "/p-q/r-s-t"];
  const rows = [];

  for (const text of texts)
    for (const flags of ["", "o", "s", "os", "c"]) {
      const loose = flags.includes("s") || text === "/" ? text :
        text.replace(/\/+$/, "");
      let matcher = null;
      try {
        matcher = match(loose, { end: !flags.includes("o"), decode: false,
          sensitive: flags.includes("c"), trailing: !flags.includes("s") });
      } catch {
        rows.push([text, flags, null, "refused", null]);
        continue;
      }
      if (flags.includes("o") && text === "/") continue; // the router's own
      for (const path of paths) {
        const found = matcher(path);
        if (flags !== "" && !found) continue; // enough of those above
        rows.push([text, flags, path,
          found ? Buffer.byteLength(found.path) : "no",
          found ? Object.entries(found.params)
            .map(([k, v]) => `${k}=${v}`).join("&") : null]);
      }
    }
  write("path_to_regexp", ["path-to-regexp"],
    "pattern, flags (open, strict, case), path, bytes matched, parameters",
    rows);
}

const makers = { patterns };
for (const name of process.argv.length > 3 ? process.argv.slice(3) :
  Object.keys(makers))
  makers[name]();
