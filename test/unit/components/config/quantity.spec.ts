import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatSize, parseSize } from '../../../../components/config/quantity.ts';

describe('size', () => {
  const accepted: readonly (readonly [string, number])[] = [
    ['20Gi', 20 * 1024 ** 3],
    ['1.5Gi', 1.5 * 1024 ** 3],
    ['500M', 500e6],
    ['1Ti', 1024 ** 4],
    ['2k', 2000],
    ['4096', 4096],
    ['0', 0],
    [' 10Gi ', 10 * 1024 ** 3],
  ];
  for (const [text, sizeBytes] of accepted) {
    it(`reads [${text}]`, () => {
      assert.equal(parseSize(text), sizeBytes);
    });
  }

  const refused = [
    '',
    'Gi',
    '-1Gi',
    '10 Gi',
    '10GB',
    '10gi',
    '1e3',
    '0.3Ki',
    '1,5Gi',
    '9007199254740993',
    '99999Pi',
  ];
  for (const text of refused) {
    it(`refuses [${text}]`, () => {
      assert.equal(parseSize(text), undefined);
    });
  }

  it('prints what it reads back unchanged, for every size', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (sizeBytes) => parseSize(formatSize(sizeBytes)) === sizeBytes),
    );
  });

  it('prints one form for one size, however it was written', () => {
    const unit = fc.constantFrom('Ki', 'Mi', 'Gi', 'Ti');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), unit, (count, suffix) => {
        const sizeBytes = parseSize(`${count}${suffix}`);
        assert.ok(sizeBytes !== undefined);
        return formatSize(sizeBytes) === formatSize(parseSize(String(sizeBytes)) ?? -1);
      }),
    );
  });

  it('prints the largest unit that divides it', () => {
    assert.equal(formatSize(20480 * 1024 ** 2), '20Gi');
    assert.equal(formatSize(1536 * 1024 ** 2), '1536Mi');
    assert.equal(formatSize(1000), '1000');
    assert.equal(formatSize(0), '0');
  });
});
