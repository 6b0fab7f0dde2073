/**
 * Property paths as Pulumi programs write them in `ignoreChanges`: `spec.volumeName`,
 * `metadata.annotations["a.b/c"]`, `spec.containers[0].image`, `*` for every key or entry.
 */
export type PathStep = string | number;

/**
 * Throws when the text is no path: the engine has checked it before, so it is a mistake of ours.
 */
export function parsePath(text: string): readonly PathStep[] {
  const steps: PathStep[] = [];
  const token = /\.?([^.[\]"]+)|\[(\d+)\]|\[(\*)\]|\["((?:[^"\\]|\\.)*)"\]/y;
  while (token.lastIndex < text.length) {
    const from = token.lastIndex;
    const found = token.exec(text);
    if (found === null) {
      throw new Error(
        `"${text}" is not a property path: it cannot be read from "${text.slice(from)}" on.`,
      );
    }
    const [, key, index, star, quoted] = found;
    if (index !== undefined) steps.push(Number(index));
    else if (star !== undefined) steps.push(star);
    else if (quoted !== undefined) steps.push(quoted.replaceAll(/\\(.)/g, '$1'));
    else if (key !== undefined) steps.push(key);
  }
  return steps;
}

/** True when `path` is the place that `outer` names, or lies inside it. */
export function contains(outer: readonly PathStep[], path: readonly PathStep[]): boolean {
  return (
    outer.length <= path.length &&
    outer.every((step, index) => step === '*' || String(step) === String(path[index]))
  );
}
