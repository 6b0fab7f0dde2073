/** Versions as numbers joined by dots, compared part by part; a missing part counts as zero. */

export function isAtLeast(version: string, wanted: string): boolean {
  const have = parts(version);
  const want = parts(wanted);
  for (let index = 0; index < Math.max(have.length, want.length); index += 1) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function parts(version: string): readonly number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10) || 0);
}
