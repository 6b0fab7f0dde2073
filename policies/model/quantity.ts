/** Kubernetes quantities of storage, as bytes. Grammar: the API's `resource.Quantity`. */

const factors: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Undefined when the text is no quantity. */
export function bytesOf(text: string | undefined): number | undefined {
  const found = /^(\d+(?:\.\d+)?)([kMGTP]i?|Ki)?$/.exec(text?.trim() ?? '');
  const factor = factors[found?.[2] ?? ''];
  return found?.[1] === undefined || factor === undefined ? undefined : Number(found[1]) * factor;
}

/** `50Gi`, `1.5Ti`: binary, with at most one digit after the point. */
export function shownBytes(sizeBytes: number): string {
  for (const unit of ['Pi', 'Ti', 'Gi', 'Mi', 'Ki'] as const) {
    const factor = factors[unit] ?? 1;
    if (sizeBytes >= factor) return `${Math.round((sizeBytes / factor) * 10) / 10}${unit}`;
  }
  return `${sizeBytes} bytes`;
}
