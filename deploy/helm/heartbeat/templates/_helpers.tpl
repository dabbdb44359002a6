{{- define "heartbeat.name" -}}
{{- .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "heartbeat.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "heartbeat.selector" -}}
app.kubernetes.io/name: {{ include "heartbeat.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "heartbeat.labels" -}}
{{ include "heartbeat.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "heartbeat.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "heartbeat.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "heartbeat.secret" -}}
{{- .Values.secrets.existing | default (include "heartbeat.fullname" .) -}}
{{- end -}}

{{- define "heartbeat.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* The settings that this chart fixes, with those of the values, as data of a ConfigMap. */}}
{{- define "heartbeat.settings" -}}
{{- $address := required "temporal.address is required: host:port of a Temporal cluster, or of a namespace of Temporal Cloud" .Values.temporal.address -}}
{{- $fixed := dict
      "TEMPORAL_ADDRESS" $address
      "TEMPORAL_NAMESPACE" .Values.temporal.namespace
      "HEARTBEAT_DATA_DIR" "/data"
      "HEARTBEAT_HOST" "0.0.0.0"
      "HEARTBEAT_PORT" "8400"
      "HEARTBEAT_DRAIN_SECONDS" (.Values.drainSeconds | toString) -}}
{{- with .Values.temporal.tls -}}
{{- if or .enabled .secret -}}{{- $_ := set $fixed "TEMPORAL_TLS" "true" -}}{{- end -}}
{{- if .secret -}}
{{- $_ := set $fixed "TEMPORAL_TLS_CLIENT_CERT_PATH" "/etc/temporal-tls/tls.crt" -}}
{{- $_ := set $fixed "TEMPORAL_TLS_CLIENT_KEY_PATH" "/etc/temporal-tls/tls.key" -}}
{{- if .authority -}}{{- $_ := set $fixed "TEMPORAL_TLS_SERVER_CA_CERT_PATH" "/etc/temporal-tls/ca.crt" -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := .Values.settings -}}
{{- if hasKey $fixed $name -}}{{- fail (printf "settings.%s is fixed by this chart; see its values" $name) -}}{{- end -}}
{{- $_ := set $fixed $name (kindIs "string" $value | ternary $value ($value | toJson)) -}}
{{- end -}}
{{- range $name, $value := $fixed }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Container and volumes that every pod shares. Call with the root. */}}
{{- define "heartbeat.container" -}}
image: {{ include "heartbeat.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
  {{- if .Values.temporal.tls.secret }}
  - {name: temporal-tls, mountPath: /etc/temporal-tls, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "heartbeat.volumes" -}}
- {name: data, emptyDir: {}}
- {name: tmp, emptyDir: {}}
{{- if .Values.temporal.tls.secret }}
- name: temporal-tls
  secret: {secretName: {{ .Values.temporal.tls.secret | quote }}}
{{- end }}
{{- end -}}

{{- define "heartbeat.pod" -}}
automountServiceAccountToken: false
{{/* A Service named heartbeat would set HEARTBEAT_PORT to its address. */ -}}
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* New settings or secrets start new pods. */}}
{{- define "heartbeat.checksum" -}}
checksum/settings: {{ include "heartbeat.settings" . | sha256sum }}
{{- if not .Values.secrets.existing }}
checksum/secrets: {{ toJson .Values.secrets.values | sha256sum }}
{{- end }}
{{- end -}}

{{/* Where pods may run. Call with the values of the API or of one worker. */}}
{{- define "heartbeat.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
