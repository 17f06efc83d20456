;;! define = example:tools/output#write-line
(component
  (import "example:app/log@1.0.0" (instance
    (export "write-line" (func (param "line" string))))))
