/** Form fields: a label, a control, and a one-line explanation. */

interface NumberFieldProps {
  readonly name: string;
  readonly label: string;
  readonly why: string;
  readonly value: number;
  readonly min?: number;
  readonly max: number;
  readonly onValue: (value: number) => void;
}

/** A whole number. */
export function NumberField(props: NumberFieldProps) {
  return (
    <label>
      {props.label}
      <input
        type="number"
        name={props.name}
        required
        min={props.min ?? 1}
        max={props.max}
        step={1}
        value={props.value}
        onInput={(event) => props.onValue(event.currentTarget.valueAsNumber)}
      />
      <small>{props.why}</small>
    </label>
  );
}

interface SelectFieldProps {
  readonly name: string;
  readonly label: string;
  readonly why: string;
  readonly value: string;
  /** Each value with its visible text. */
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly onValue: (value: string) => void;
}

export function SelectField(props: SelectFieldProps) {
  return (
    <label>
      {props.label}
      <select
        name={props.name}
        value={props.value}
        onChange={(event) => props.onValue(event.currentTarget.value)}
      >
        {props.options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
      <small>{props.why}</small>
    </label>
  );
}

/** The options 1 … max. */
export function countOptions(max: number): (readonly [string, string])[] {
  return Array.from({ length: max }, (_, i) => [String(i + 1), String(i + 1)]);
}
