/**
 * What forms post, as the API would take it: text becomes numbers where a number is meant, so that one
 * set of schemas speaks for both, and a field that is no number is refused with the text that was typed.
 */
import { ProblemError } from "../../../nodes/http/problems.ts";
import { limitedBody } from "../api/input.ts";

const FORM_BYTES_MAX = 4_194_304;

/** Reads a form. Throws {@link ProblemError}: 413 or 415. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("Content-Type") ?? "";
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    throw new ProblemError(
      "unsupported-media-type",
      `Content-Type must be application/x-www-form-urlencoded: it is '${type}'`,
    );
  }
  return new URLSearchParams(new TextDecoder().decode(await limitedBody(request, FORM_BYTES_MAX)));
}

/** The form as an object; empty fields are left out, `numbers` are read as such. */
export function formObject(
  form: URLSearchParams,
  numbers: readonly string[],
): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, text] of form) {
    if (text === "") continue;
    object[name] = numbers.includes(name) && /^-?\d+(\.\d+)?$/.test(text.trim())
      ? Number(text)
      : text;
  }
  return object;
}
