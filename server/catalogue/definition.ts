/** The systems that Apple's schema tells apart (iPadOS counts as iOS). */
export type Platform = 'iOS' | 'macOS' | 'tvOS' | 'visionOS' | 'watchOS';

/** Whether something may, must or must not be used in a setting; Apple's own words. */
export type Mode = 'allowed' | 'forbidden' | 'ignored' | 'required';

/** Since when and under what conditions one platform knows a thing; Apple's own key names. */
export interface Support {
  readonly introduced?: string;
  readonly deprecated?: string;
  readonly removed?: string;
  /** The right that the MDM profile must grant. */
  readonly accessrights?: string;
  readonly supervised?: boolean;
  readonly requiresdep?: boolean;
  readonly userapprovedmdm?: boolean;
  readonly devicechannel?: boolean;
  readonly userchannel?: boolean;
  readonly allowmanualinstall?: boolean;
  readonly multiple?: boolean;
  readonly 'always-skippable'?: boolean;
  readonly 'allowed-enrollments'?: readonly string[];
  readonly 'allowed-scopes'?: readonly string[];
  readonly userenrollment?: Mode;
  readonly sharedipad?: {
    readonly mode?: Mode;
    readonly devicechannel?: boolean;
    readonly userchannel?: boolean;
    readonly 'allowed-scopes'?: readonly string[];
  };
}

/**
 * Support by platform. A string is the version that introduced it and nothing else is said; null is
 * "not on this platform". A platform that is left out of a key's table is as its parent says.
 */
export type Platforms = { readonly [platform in Platform]?: Support | string | null };

export type KeyType =
  | 'any'
  | 'array'
  | 'boolean'
  | 'data'
  | 'date'
  | 'dictionary'
  | 'integer'
  | 'real'
  | 'string';

export type Scalar = string | number | boolean;

/** One key of a dictionary, or one kind of item of an array (its `key` is then only a label). */
export interface KeyDefinition {
  /** Its name. One that begins with `ANY` stands for any name. */
  readonly key: string;
  readonly type: KeyType;
  /** What a sender must give. Devices leave required keys out all the same. */
  readonly required?: true;
  /** The value is a secret, or opaque and may hold one (`scripts/catalogue/secrets.ts`). */
  readonly secret?: true;
  readonly os?: Platforms;
  readonly values?: readonly Scalar[];
  readonly min?: number;
  readonly max?: number;
  /** How many items an array has, least and most. */
  readonly repetition?: readonly [min: number | null, max: number | null];
  /** A regular expression for the value. */
  readonly format?: string;
  readonly subtype?: string;
  readonly default?: Scalar | readonly Scalar[];
  /** How several declarations' values become one. */
  readonly combine?: string;
  /** Types of the assets that the value may refer to, and their media types. */
  readonly assets?: readonly string[];
  readonly media?: readonly string[];
  /** Apple's name for the dictionary's type. */
  readonly name?: string;
  readonly keys?: readonly KeyDefinition[];
  /** The keys are once more those of the nearest ancestor with this `key` (recursive types). */
  readonly keysOf?: string;
}

/** A command (`type` is its RequestType), or a check-in message (`type` is its MessageType). */
export interface MessageDefinition {
  readonly type: string;
  readonly os: Platforms;
  readonly keys: readonly KeyDefinition[];
  /** What the answer adds to the keys that every answer has. */
  readonly response: readonly KeyDefinition[];
}

/** A payload, a status item, an error body or another document that Apple's schema describes. */
export interface PayloadDefinition {
  readonly type: string;
  /** Tells definitions of one type apart, such as the many kinds of `com.apple.MCX`. */
  readonly name?: string;
  readonly os: Platforms;
  readonly keys: readonly KeyDefinition[];
}

/** A declaration: what its payload may hold, and how several of one type go together. */
export interface DeclarationDefinition extends PayloadDefinition {
  readonly kind: 'activation' | 'asset' | 'configuration' | 'management' | 'base' | 'credential';
  readonly apply?: 'combined' | 'multiple' | 'single';
  /** Status items that report about it. */
  readonly status?: readonly string[];
  /** Codes of the reasons that a device may give for it. */
  readonly reasons?: readonly string[];
}
