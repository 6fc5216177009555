import assert from "node:assert/strict";
import { CsvError, readCsv, rowsToCsv, toCsv } from "./csv.ts";

Deno.test("csv: quotes a cell where it must", () => {
  const rows = [["a,b", 1], ['say "hi"', -2.5], ["two\nlines", 4]] as const;
  assert.equal(
    toCsv(["key", "n"], rows),
    'key,n\r\n"a,b",1\r\n"say ""hi""",-2.5\r\n"two\nlines",4\r\n',
  );
  assert.equal(toCsv(["key"], []), "key\r\n");
});

Deno.test("csv: rows have a column for every name that occurs", () => {
  const rows = [{ a: 1, b: "x" }, { a: null, c: true }];
  assert.equal(rowsToCsv(rows), "a,b,c\r\n1,x,\r\n,,true\r\n");
});

Deno.test("csv: a spreadsheet runs no cell as a formula, and numbers stay numbers", () => {
  for (const text of ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+-1", "-1e"]) {
    assert.equal(toCsv([text], [[text]]), `"'${text}"\r\n"'${text}"\r\n`);
  }
  const numbers = ["-1", "+1.5", "-.5", "-1e-3", "-2.", "0"];
  assert.equal(toCsv(["n"], numbers.map((text) => [text])), `n\r\n${numbers.join("\r\n")}\r\n`);
  assert.equal(toCsv(["n"], [[-1], [-2e-7]]), "n\r\n-1\r\n-2e-7\r\n");
});

Deno.test("csv: reads any of the delimiters and line ends, and numbers the lines", () => {
  const expected = [{ line: 1, cells: ["a", "b"] }, { line: 3, cells: ["1", "2,5"] }];
  for (const delimiter of [";", "\t"]) {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = [`a${delimiter}b`, "", `1${delimiter} 2,5 `, ""].join(end);
      assert.deepEqual(readCsv(text), expected, JSON.stringify(text));
    }
  }
  assert.deepEqual(readCsv('"two\nlines",b\n1,2'), [
    { line: 1, cells: ["two\nlines", "b"] },
    { line: 3, cells: ["1", "2"] },
  ]);
  assert.deepEqual(readCsv("  \n\n"), []);
  assert.deepEqual(readCsv(""), []);
});

Deno.test("csv: reads what it has written", () => {
  const cells = ["plain", "a,b", 'say "hi"', "two\nlines", "", "-1"];
  assert.deepEqual(readCsv(toCsv(cells, [cells])).map((each) => each.cells), [cells, cells]);
});

Deno.test("csv: a quote that is not closed is refused with its line", () => {
  assert.throws(() => readCsv('a,b\n1,"2\n3,4\n'), (error) => {
    return error instanceof CsvError && error.line === 2;
  });
});
