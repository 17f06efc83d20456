;;! rust = example:app/index#add
;; The host's function is Rust: (String, Vec<u16>) -> Result<u64, String>.
(component
  (import "example:app/index" (instance
    (export "add" (func (param "name" string) (param "tags" (list string)) (result (result u64)))))))
