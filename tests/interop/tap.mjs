// Results for tests/lib.sh's interop_tests: one line each, "ok NAME" or
// "not ok NAME", and why behind a '#'.
import assert from "node:assert/strict";

export { assert };

export async function test(name, fn, { timeout = 45000 } = {}) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${timeout} ms`)),
      timeout);
  });
  try {
    await Promise.race([fn(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}`);
    for (const line of String(error.stack ?? error).split("\n"))
      console.log(`# ${line}`);
  } finally {
    clearTimeout(timer);
  }
}

// Calls fn with each of the rows, several at the same time.
export async function sideBySide(rows, fn, width = 32) {
  const rest = rows.values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const row of rest) await fn(row);
  }));
}

// Resolves with the arguments of the next such event that passes the filter.
export function once(emitter, event, filter = () => true, ms = 5000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      emitter.off(event, listener);
      reject(new Error(`no "${event}" in ${ms} ms`));
    }, ms);
    function listener(...args) {
      if (!filter(...args)) return;
      clearTimeout(timer);
      emitter.off(event, listener);
      resolve(args);
    }
    emitter.on(event, listener);
  });
}

// Resolves to true if no such event comes within ms.
export async function silence(emitter, event, filter = () => true, ms = 300) {
  try {
    await once(emitter, event, filter, ms);
    return false;
  } catch {
    return true;
  }
}
