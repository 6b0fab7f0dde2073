import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkInputs } from '../../../lab/standin/provider/inputs.ts';
import { unknown } from '../../../lab/standin/provider/value.ts';
import { drawText, type TextRecipe } from '../../../lab/standin/random/text.ts';
import { z } from 'zod';

const small = fc.integer({ min: 0, max: 4 });
const recipe: fc.Arbitrary<TextRecipe> = fc
  .record({
    upper: fc.boolean(),
    lower: fc.boolean(),
    numeric: fc.boolean(),
    special: fc.boolean(),
    minUpper: small,
    minLower: small,
    minNumeric: small,
    minSpecial: small,
    overrideSpecial: fc.constantFrom('', '-_', 'é'),
    extra: fc.integer({ min: 0, max: 30 }),
  })
  .filter(({ upper, lower, numeric, special }) => upper || lower || numeric || special)
  .map(({ extra, ...rest }) => ({
    ...rest,
    length: extra + rest.minUpper + rest.minLower + rest.minNumeric + rest.minSpecial,
  }));

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

describe('random text', () => {
  it('has the length and at least the minimum of each class', () => {
    fc.assert(
      fc.property(recipe, (wanted) => {
        const text = drawText(wanted);
        assert.equal(Array.from(text).length, wanted.length);
        assert.ok(count(text, /[A-Z]/g) >= wanted.minUpper);
        assert.ok(count(text, /[a-z]/g) >= wanted.minLower);
        assert.ok(count(text, /[0-9]/g) >= wanted.minNumeric);
        assert.ok(count(text, /[^A-Za-z0-9]/gu) >= wanted.minSpecial);
      }),
    );
  });

  it('draws from disabled classes only what their minimum demands', () => {
    fc.assert(
      fc.property(recipe, (wanted) => {
        const text = drawText(wanted);
        if (!wanted.upper) assert.equal(count(text, /[A-Z]/g), wanted.minUpper);
        if (!wanted.numeric) assert.equal(count(text, /[0-9]/g), wanted.minNumeric);
      }),
    );
  });

  it('puts the minimums anywhere, not at the front', () => {
    const wanted = { ...onlyLower, length: 20, minNumeric: 1 };
    const places = new Set(Array.from({ length: 200 }, () => drawText(wanted).search(/[0-9]/)));
    assert.ok(places.size > 10, `a digit stood at ${[...places].join(', ')}`);
  });

  it('refuses to draw from nothing', () => {
    assert.throws(() => drawText({ ...onlyLower, lower: false }), /character set .* is empty/);
  });
});

const onlyLower: TextRecipe = {
  length: 4,
  upper: false,
  lower: true,
  numeric: false,
  special: false,
  minUpper: 0,
  minLower: 0,
  minNumeric: 0,
  minSpecial: 0,
  overrideSpecial: '',
};

describe('input check', () => {
  const schema = z
    .strictObject({ least: z.int(), most: z.int(), name: z.string().optional() })
    .refine(({ least, most }) => least <= most, { path: ['most'], error: 'less than least' });

  it('names every problem with its path', () => {
    const found = checkInputs(schema, { least: 'x', most: 1.5, name: 3 });
    assert.deepEqual(found.map(({ property }) => property).sort(), ['least', 'most', 'name']);
  });

  it('believes what is not known yet, relations included', () => {
    assert.deepEqual(checkInputs(schema, { least: unknown, most: 0 }), []);
    assert.equal(checkInputs(schema, { least: 1, most: 0 })[0]?.reason, 'less than least');
  });
});
