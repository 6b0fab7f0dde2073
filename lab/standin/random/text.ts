/**
 * Random text from chosen classes of characters, as terraform-provider-random's
 * `internal/random/string.go` draws it: first the minimum of each class, then the rest from all
 * enabled classes, then everything shuffled. Characters come from the system's generator, without
 * bias (`crypto.randomInt`).
 */
import { randomInt } from 'node:crypto';

export interface TextRecipe {
  readonly length: number;
  readonly upper: boolean;
  readonly lower: boolean;
  readonly numeric: boolean;
  readonly special: boolean;
  readonly minUpper: number;
  readonly minLower: number;
  readonly minNumeric: number;
  readonly minSpecial: number;
  /** Replaces the special characters; empty means the default ones. */
  readonly overrideSpecial: string;
}

const uppers = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const lowers = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';
const specials = '!@#$%&*()-_=+[]{}<>:?';

/** @throws Error when no class is enabled, with the official provider's words */
export function drawText(recipe: TextRecipe): string {
  const special = recipe.overrideSpecial === '' ? specials : recipe.overrideSpecial;
  const enabled = [
    recipe.upper ? uppers : '',
    recipe.lower ? lowers : '',
    recipe.numeric ? digits : '',
    recipe.special ? special : '',
  ].join('');
  if (enabled === '') throw new Error('the character set specified is empty');
  const characters = [
    ...pick(digits, recipe.minNumeric),
    ...pick(lowers, recipe.minLower),
    ...pick(uppers, recipe.minUpper),
    ...pick(special, recipe.minSpecial),
  ];
  characters.push(...pick(enabled, recipe.length - characters.length));
  return shuffle(characters).join('');
}

function pick(from: string, count: number): string[] {
  // By code point, as Go's runes.
  const choices = Array.from(from);
  return Array.from({ length: Math.max(0, count) }, () => choices[randomInt(choices.length)] ?? '');
}

/** Fisher and Yates. */
function shuffle(characters: readonly string[]): string[] {
  const result = [...characters];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    const kept = result[last] ?? '';
    result[last] = result[other] ?? '';
    result[other] = kept;
  }
  return result;
}
