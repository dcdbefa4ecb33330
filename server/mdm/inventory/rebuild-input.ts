/** The kind under which inventory is rebuilt. */
export const rebuildJobKind = 'REBUILD_INVENTORY';
