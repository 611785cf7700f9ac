// What survives a reload: each tab keeps its own; a new tab starts from the last one's.

export function save(name: string, value: unknown): void {
  const text = JSON.stringify(value);
  for (const store of [sessionStorage, localStorage])
    try {
      store.setItem(`argmax.${name}`, text);
    } catch {
      // private windows may keep nothing
    }
}

export function load<T>(name: string): Partial<T> {
  try {
    const text = sessionStorage.getItem(`argmax.${name}`) ?? localStorage.getItem(`argmax.${name}`);
    const value: unknown = text ? JSON.parse(text) : {};
    return value && typeof value === 'object' ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}
