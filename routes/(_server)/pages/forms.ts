/**
 * Reads forms into the input that the API's schemas validate. The text of a number field becomes a
 * number. If it is not a number it stays as it is, so that the schema's error shows the text that
 * was typed.
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

/** The form as an object without its empty fields. The fields in `numbers` become numbers. */
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
