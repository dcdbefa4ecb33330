/** Values that are kept beside objects of others and go with them. */
export interface Beside<Holder extends object, Value> {
  of(holder: Holder): Value | undefined;
  keep(holder: Holder, value: Value): void;
  forget(holder: Holder): void;
}

/**
 * Keeps something beside objects without changing their type, where they come and go with each message. A WeakMap
 * is for that, too, but V8's collections of young objects take all of its values for live, whether their key is
 * or not: whatever hangs on them is moved to the old objects and stays until all memory is looked through. So the
 * value goes into its holder, under a name that nobody else has and that copies of the holder don't get.
 * The holder must not be frozen.
 */
export function beside<Holder extends object, Value>(): Beside<Holder, Value> {
  const name = Symbol('beside');
  type Keeping = Holder & { [name]?: Value | undefined };
  return {
    of: (holder: Keeping) => holder[name],
    keep(holder: Keeping, value) {
      if (name in holder) holder[name] = value;
      else Object.defineProperty(holder, name, { value, writable: true, configurable: true });
    },
    forget(holder: Keeping) {
      if (name in holder) holder[name] = undefined;
    },
  };
}
