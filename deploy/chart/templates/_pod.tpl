{{- /* Variables of a secret: its file, and the volume and mount with that file. */}}
{{- define "challenge.secretEnv" -}}
- {name: {{ .variable }}{{ ternary "" "_FILE" (hasKey . "isFile") }}, value: /etc/challenge/{{ .volume }}/{{ .secret.key }}}
{{- end }}

{{- define "challenge.secretMount" -}}
- {name: {{ .volume }}, mountPath: /etc/challenge/{{ .volume }}, readOnly: true}
{{- end }}

{{- define "challenge.secretVolume" -}}
{{- /* Only the key that is needed: the same Secret may hold the address of a role that may do more. */}}
- name: {{ .volume }}
  secret:
    secretName: {{ required (printf "set the Secret of %s" .variable) .secret.name | quote }}
    defaultMode: 0440
    items: [{key: {{ .secret.key | quote }}, path: {{ .secret.key | quote }}}]
{{- end }}

{{- /* The secrets that a component reads, as a list of {variable, volume, secret}; isFile where the variable itself names a file. */}}
{{- define "challenge.secrets" -}}
{{- $delivers := eq .component.values (ternary "rewardDispatcher" "challengeService" .Values.rewardDispatcher.enabled) }}
{{- if .component.stores }}
- {variable: DATABASE_URL, volume: database, secret: {{ .Values.database.secret | toJson }}}
{{- end }}
{{- if and .Values.database.standbySecret.name (eq .component.values "challengeService") }}
- {variable: DATABASE_STANDBY_URL, volume: standby, secret: {{ .Values.database.standbySecret | toJson }}}
{{- end }}
{{- if eq .component.values "eventSource" }}
{{- with .Values.eventSource }}
{{- if .keySecret.name }}
- {variable: SOURCE_KEY, volume: source-key, secret: {{ .keySecret | toJson }}}
{{- end }}
{{- if and (eq .broker "kafka") .kafka.propertiesSecret.name }}
- {variable: KAFKA_PROPERTIES, volume: kafka-properties, secret: {{ .kafka.propertiesSecret | toJson }}, isFile: true}
{{- end }}
{{- if eq .broker "nats" }}
- {variable: NATS_URL, volume: nats-url, secret: {{ .nats.urlSecret | toJson }}}
{{- if .nats.credentialsSecret.name }}
- {variable: NATS_CREDENTIALS, volume: nats-credentials, secret: {{ .nats.credentialsSecret | toJson }}, isFile: true}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.redis.secret.name .component.called }}
- {variable: REDIS_URL, volume: redis, secret: {{ .Values.redis.secret | toJson }}}
{{- end }}
{{- if and $delivers (has "webhook" (list .Values.rewards.item .Values.rewards.wallet)) }}
- {variable: REWARD_WEBHOOK_URL, volume: webhook-url, secret: {{ .Values.rewards.webhook.urlSecret | toJson }}}
- {variable: REWARD_WEBHOOK_SECRET, volume: webhook-secret, secret: {{ .Values.rewards.webhook.signingSecret | toJson }}}
{{- end }}
{{- end }}

{{- define "challenge.env" -}}
{{- $values := index .Values .component.values }}
{{- $delivers := eq .component.values (ternary "rewardDispatcher" "challengeService" .Values.rewardDispatcher.enabled) }}
{{- $prefix := .component.prefix }}
{{- $env := dict "BIND_ADDRESS" "0.0.0.0" "DRAIN_S" .Values.drainS "GRACE_S" .Values.graceS }}
{{- $_ := set $env (printf "%s_PORT" $prefix) .component.port }}
{{- $_ := set $env (printf "%s_METRICS_PORT" $prefix) .component.metrics }}
{{- $_ := set $env (printf "%s_HEALTH_PORT" $prefix) 8080 }}
{{- $_ := set $env (printf "%s_WORKERS" $prefix) $values.workers }}
{{- $_ := set $env (printf "%s_CONNECTION_AGE_S" $prefix) .Values.connectionAgeS }}
{{- if .component.stores }}
{{- $_ := set $env "DATABASE_POOL_SIZE" $values.poolSize }}
{{- $_ := set $env "DATABASE_CONNECTIONS_MAX" (mul $values.workers $values.poolSize) }}
{{- $_ := set $env "DATABASE_SYNCHRONOUS" .Values.database.synchronous }}
{{- $_ := set $env "REWARD_ITEM_PROVIDER" .Values.rewards.item }}
{{- $_ := set $env "REWARD_WALLET_PROVIDER" .Values.rewards.wallet }}
{{- else }}
{{- $_ := set $env "SOURCE_BROKER" $values.broker }}
{{- $_ := set $env "SOURCE_DEAD_LETTERS" $values.deadLetters }}
{{- $_ := set $env "SOURCE_MAPPING" (printf "/etc/challenge/mapping/%s" $values.mapping.key) }}
{{- $_ := set $env "SOURCE_HANDLER" ($values.handler | default (printf "%s-event-handler:50052" .fullname)) }}
{{- if .Values.tls.secret }}
{{- $_ := set $env "SOURCE_TLS" true }}
{{- if $values.handlerCa }}{{ $_ := set $env "SOURCE_CA" "/etc/challenge/tls/ca.crt" }}{{ end }}
{{- if .Values.tls.clientCa }}
{{- $_ := set $env "SOURCE_CERTIFICATE" "/etc/challenge/tls/tls.crt" }}
{{- $_ := set $env "SOURCE_PRIVATE_KEY" "/etc/challenge/tls/tls.key" }}
{{- end }}
{{- end }}
{{- if eq $values.broker "kafka" }}
{{- $_ := set $env "KAFKA_SERVERS" $values.kafka.servers }}
{{- $_ := set $env "KAFKA_TOPICS" $values.kafka.topics }}
{{- $_ := set $env "KAFKA_GROUP" $values.kafka.group }}
{{- else }}
{{- $_ := set $env "NATS_STREAM" $values.nats.stream }}
{{- if $values.nats.subject }}{{ $_ := set $env "NATS_SUBJECT" $values.nats.subject }}{{ end }}
{{- $_ := set $env "NATS_CONSUMER" $values.nats.consumer }}
{{- end }}
{{- end }}
{{- if .Values.tls.secret }}
{{- $_ := set $env "TLS_CERTIFICATE" "/etc/challenge/tls/tls.crt" }}
{{- $_ := set $env "TLS_PRIVATE_KEY" "/etc/challenge/tls/tls.key" }}
{{- if .Values.tls.clientCa }}{{ $_ := set $env "TLS_CLIENT_CA" "/etc/challenge/tls/ca.crt" }}{{ end }}
{{- else }}
{{- $_ := set $env "ALLOW_PLAINTEXT" "true" }}
{{- end }}
{{- if .component.called }}
{{- $_ := set $env "CATALOGUE" "/etc/challenge/catalogue" }}
{{- if .Values.redis.prefix }}{{ $_ := set $env "REDIS_PREFIX" .Values.redis.prefix }}{{ end }}
{{- if .Values.callers.secret }}{{ $_ := set $env "CALLERS" (printf "/etc/challenge/callers/%s" .Values.callers.key) }}{{ end }}
{{- if .Values.callers.allowAnonymous }}{{ $_ := set $env "ALLOW_ANONYMOUS" "true" }}{{ end }}
{{- end }}
{{- if eq .component.values "challengeService" }}
{{- $_ := set $env "REWARD_DISPATCH" $delivers }}
{{- end }}
{{- if and $delivers (has "grpc" (list .Values.rewards.item .Values.rewards.wallet)) }}
{{- $_ := set $env "REWARD_GRPC_TARGET" (required "set rewards.grpc.target" .Values.rewards.grpc.target) }}
{{- $_ := set $env "REWARD_GRPC_TLS" .Values.rewards.grpc.tls }}
{{- end }}
{{- range $name, $value := $values.env }}
{{- if hasKey $env $name }}{{ fail (printf "%s.env.%s has a value of its own in this chart: set that" $.component.values $name) }}{{ end }}
{{- end }}
{{- range $name, $value := merge $env $values.env }}
{{- /* As text, a number of the values from a million on would have an exponent. */}}
- {name: {{ $name }}, value: {{ ternary (toJson $value) (toString $value) (kindIs "float64" $value) | quote }}}
{{- end }}
{{- end }}
