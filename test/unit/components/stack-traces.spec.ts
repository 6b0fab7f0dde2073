import assert from 'node:assert/strict';
import { plainStackTraces } from '../../../components/stack-traces.ts';

describe('stack traces', () => {
  it('are written by Node again when something had taken that over', () => {
    try {
      Error.prepareStackTrace = () => 'mapped';
      plainStackTraces();
      assert.match(
        new Error('found').stack ?? '',
        /^Error: found\n +at .*stack-traces\.spec\.ts:\d+/,
      );
    } finally {
      Reflect.deleteProperty(Error, 'prepareStackTrace');
    }
  });
});
