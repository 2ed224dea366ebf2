{{- define "challenge.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /*
The services by the names of their pods: where their values are, their program and the prefix of their settings; whether
others call them, and whether they store in Postgres.
*/}}
{{- define "challenge.components" -}}
challenge-service: {values: challengeService, module: challenge_service, prefix: CHALLENGE, port: 50051, metrics: 9101, called: true, stores: true}
event-handler: {values: eventHandler, module: event_handler, prefix: EVENT, port: 50052, metrics: 9102, called: true, stores: true}
{{- if .Values.rewardDispatcher.enabled }}
reward-dispatcher: {values: rewardDispatcher, module: reward_dispatcher, prefix: DISPATCHER, port: 50053, metrics: 9103, called: false, stores: true}
{{- end }}
{{- if .Values.eventSource.enabled }}
event-source: {values: eventSource, module: event_source, prefix: SOURCE, port: 50054, metrics: 9104, called: false, stores: false}
{{- end }}
{{- end }}

{{- define "challenge.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "challenge.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "challenge.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "challenge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "challenge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Seconds until the kubelet kills: the drain, the grace, 5 s that a parent gives its workers beyond, and 5 to spare. */}}
{{- define "challenge.terminationS" -}}
{{- add (ceil (addf .Values.drainS .Values.graceS)) 10 }}
{{- end }}

{{- /* The most pods that a component has at once: an update adds one before it stops another. */}}
{{- define "challenge.podsMax" -}}
{{- add (ternary .autoscaling.max .replicas .autoscaling.enabled) 1 }}
{{- end }}

{{- define "challenge.requireConnections" -}}
{{- $sum := 0 }}{{ $terms := list }}
{{- range $name, $component := include "challenge.components" . | fromYaml }}
{{- $values := index $.Values $component.values }}
{{- if gt (int $values.autoscaling.min) (int $values.autoscaling.max) }}
{{- fail (printf "%s.autoscaling.min is greater than max" $component.values) }}
{{- end }}
{{- if $component.stores }}
{{- $pods := include "challenge.podsMax" $values | int }}
{{- $sum = add $sum (mul $pods $values.workers $values.poolSize) }}
{{- $terms = append $terms (printf "%s %d pods x %v workers x %v" $name $pods $values.workers $values.poolSize) }}
{{- end }}
{{- end }}
{{- $free := sub .Values.database.connectionsMax .Values.database.connectionsReserved }}
{{- if gt (int $sum) (int $free) }}
{{- fail (printf "the services may open %d connections to Postgres (%s; an update adds a pod), but only %d are free (database.connectionsMax - database.connectionsReserved): lower replicas, autoscaling.max, workers or poolSize, or raise database.connectionsMax if Postgres has as many to give" $sum (join ", " $terms) $free) }}
{{- end }}
{{- end }}

{{- define "challenge.requireProtection" -}}
{{- if not (or .Values.tls.secret .Values.tls.allowPlaintext) }}
{{- fail "set tls.secret, or tls.allowPlaintext where something in front speaks TLS, such as a mesh" }}
{{- end }}
{{- if not (or .Values.callers.secret .Values.callers.allowAnonymous (and .Values.tls.secret .Values.tls.clientCa)) }}
{{- fail "set callers.secret, tls.clientCa, or callers.allowAnonymous where only your own programs can connect" }}
{{- end }}
{{- end }}

{{- define "challenge.requireSource" -}}
{{- with .Values.eventSource }}
{{- if .enabled }}
{{- if not .broker }}{{ fail "set eventSource.broker: kafka or nats" }}{{ end }}
{{- if not .deadLetters }}{{ fail "set eventSource.deadLetters" }}{{ end }}
{{- if not .mapping.configMap }}{{ fail "set eventSource.mapping.configMap" }}{{ end }}
{{- if and (eq .broker "kafka") (not (and .kafka.servers .kafka.topics)) }}{{ fail "set eventSource.kafka.servers and eventSource.kafka.topics" }}{{ end }}
{{- if and (eq .broker "nats") (not (and .nats.urlSecret.name .nats.stream)) }}{{ fail "set eventSource.nats.urlSecret and eventSource.nats.stream" }}{{ end }}
{{- if and $.Values.callers.secret (not .keySecret.name) (not (and $.Values.tls.secret $.Values.tls.clientCa)) }}
{{- fail "set eventSource.keySecret: a key with the role events:write" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "challenge.requireCatalogue" -}}
{{- if eq (not .Values.catalogue.configMap) (not .Values.catalogue.files) }}
{{- fail "set one of catalogue.configMap and catalogue.files" }}
{{- end }}
{{- end }}
