/** Reads the arrays that `sinks/packing.py` packed. */

/**
 * @typedef {object} Packed
 * @property {"grid"|"int"|"f32"|"f64"|"none"} kind
 * @property {number} n
 * @property {number} [offset]
 * @property {number} [step] value of one integer
 * @property {number} [per] integers in one unit
 * @property {number} [ref] position of the text
 */

const MISSING = -2147483648;

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(text) {
  if ("fromBase64" in Uint8Array) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Uint8Array>} */
async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Puts the bytes of each number, stored plane by plane, together again. */
function joinPlanes(planes, n, size) {
  const joined = new Uint8Array(n * size);
  for (let plane = 0; plane < size; plane++) {
    for (let i = 0, from = plane * n; i < n; i++) joined[i * size + plane] = planes[from + i];
  }
  return joined.buffer;
}

/**
 * @param {Packed} packed
 * @param {(ref: number) => string} textOf
 * @returns {Promise<Float64Array>} NaN = no value
 */
export async function unpack(packed, textOf) {
  const { kind, n, offset = 0 } = packed;
  const values = new Float64Array(n);
  if (kind === "none") return values.fill(NaN);
  if (kind === "grid") return values.map((_, i) => offset + i * packed.step);
  const planes = await inflate(bytesOf(textOf(packed.ref)));
  if (kind === "f64") return new Float64Array(joinPlanes(planes, n, 8));
  const buffer = joinPlanes(planes, n, 4);
  if (kind === "f32") return values.map(((single) => (_, i) => single[i] + offset)(new Float32Array(buffer)));
  const steps = new Int32Array(buffer);
  const scaled = packed.per ? (k) => offset + k / packed.per : (k) => offset + k * packed.step;
  for (let i = 0, k = 0; i < n; i++) {
    k = (k + steps[i]) | 0;
    values[i] = k === MISSING ? NaN : scaled(k);
  }
  return values;
}
