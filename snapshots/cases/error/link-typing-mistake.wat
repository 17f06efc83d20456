;;! define = example:app/log@1.0.0#wirte
(component
  (import "example:app/log@1.0.0" (instance
    (export "write" (func (param "line" string))))))
