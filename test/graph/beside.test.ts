import { expect, it } from 'vitest';
import { beside } from '../../server/model/beside.ts';

it('what is kept beside an object is found there, by who keeps it alone, and is not seen otherwise', () => {
  const [names, others] = [beside<object, string>(), beside<object, string>()];
  const holder = { a: 1 };
  expect(names.of(holder)).toBeUndefined();
  names.keep(holder, 'one');
  names.keep(holder, 'two');
  expect(names.of(holder)).toBe('two');
  expect(others.of(holder)).toBeUndefined();
  expect(holder).toEqual({ a: 1 });
  expect(JSON.stringify(holder)).toBe('{"a":1}');
  // A copy is another object: what was kept for the one may be wrong for the other.
  expect(names.of({ ...holder })).toBeUndefined();
  names.forget(holder);
  expect(names.of(holder)).toBeUndefined();
});
