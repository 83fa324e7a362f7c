// SPDX-License-Identifier: Apache-2.0

/// The patterns that grok knows by name.
enum GrokDictionary {
    /// Five of all these together fit into a match, as they cost most.
    static let costliest: Set = [
        "URI", "URIPARAM", "URIPATHPARAM", "SPACE", "DATA", "GREEDYDATA", "GREEDYDATA_MULTILINE",
    ]
    /// Five of each.
    static let costly: Set = [
        "NOTSPACE", "ARN", "IPV6", "IP", "HOSTNAME", "HOST", "IPORHOST", "HOSTPORT", "URIHOST", "WINPATH", "PATH",
        "SYSLOGHOST",
    ]
    static let anything: Set = ["DATA", "GREEDYDATA", "GREEDYDATA_MULTILINE"]
    static let quoted: Set = ["QUOTEDSTRING"]
    /// Parts of other patterns, which nobody may name.
    static let inner: Set = [
        "QUOTEDREST", "PRINTABLE", "SYSLOGDATA", "POSTGRES_LOG", "POSTGRES_TIME", "POSTGRES_WORD", "ISO8601_SECOND",
    ]
    /// Whole lines of well-known programs.
    static let common: Set = ["APACHE_ACCESS_LOG", "NGINX_ACCESS_LOG", "SYSLOG5424"]

    static let definitions = [basics, networks, paths, times, logs].reduce([:]) { $0.merging($1) { $1 } }

    private static let basics = [
        "USERNAME": "[a-zA-Z0-9._-]+", "USER": "[a-zA-Z0-9._-]+",
        "INT": "[+-]?[0-9]+", "BASE10NUM": #"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"#, "NUMBER": "%{BASE10NUM}",
        "BASE16NUM": "[+-]?(?:0x)?[0-9A-Fa-f]+", "POSINT": #"\b[1-9][0-9]*\b"#, "NONNEGINT": #"\b[0-9]+\b"#,
        "WORD": #"\b\w+\b"#, "NOTSPACE": #"\S+"#, "SPACE": #"\s*"#,
        "DATA": ".*?", "GREEDYDATA": ".*", "GREEDYDATA_MULTILINE": "(?s:.*)",
        "QUOTEDSTRING": #""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'"#,
        "UUID": "[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
        "URN": "urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:[0-9A-Za-z()+,.:=@;$_!*'/?#%-]+",
        "ARN": #"arn:(?:aws|aws-cn|aws-us-gov):[\w-]+:[\w-]+:[0-9]{12}:[^\s/]+(?:/[^\s/]+){0,4}"#,
    ]

    private static let octet = #"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"#
    private static let hextet = "[0-9A-Fa-f]{1,4}"

    private static let networks = [
        "MAC": "%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC}", "CISCOMAC": #"(?:[A-Fa-f0-9]{4}\.){2}[A-Fa-f0-9]{4}"#,
        "WINDOWSMAC": "(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}", "COMMONMAC": "(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2}",
        "IPV4": #"(?<![0-9.])\#(octet)(?:\.\#(octet)){3}(?![0-9]|\.[0-9])"#,
        "IPV6": """
        (?<![0-9A-Fa-f:])(?:(?:\(hextet):){7}\(hextet)|(?:\(hextet):){6}\(octet)(?:[.]\(octet)){3}\
        |::(?:\(hextet):){0,5}\(octet)(?:[.]\(octet)){3}|(?:\(hextet):){1,5}:(?:\(hextet):){0,4}\(octet)(?:[.]\(octet)){3}\
        |(?:\(hextet):){6}:\(hextet)|(?:\(hextet):){5}(?::\(hextet)){1,2}|(?:\(hextet):){4}(?::\(hextet)){1,3}\
        |(?:\(hextet):){3}(?::\(hextet)){1,4}|(?:\(hextet):){2}(?::\(hextet)){1,5}|\(hextet):(?::\(hextet)){1,6}\
        |:(?::\(hextet)){1,7}|(?:\(hextet):){1,7}:|::)(?:%[0-9A-Za-z]+)?(?![0-9A-Fa-f:])
        """,
        "IP": "%{IPV6}|%{IPV4}",
        "HOSTNAME": """
        \\b[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?(?:[.][0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?)*\
        [.]?(?![0-9A-Za-z-])
        """,
        "HOST": "%{HOSTNAME}", "IPORHOST": "%{IP}|%{HOSTNAME}", "HOSTPORT": "%{IPORHOST}:%{POSINT:PORT}",
        "URIHOST": "%{IPORHOST}(?::%{POSINT:port})?",
    ]

    private static let paths = [
        "PATH": "%{UNIXPATH}|%{WINPATH}", "UNIXPATH": #"/[\w%!$@:.,+~?=&;#*'()/-]*"#,
        "WINPATH": #"(?:[A-Za-z]:|\\)(?:\\[^\\?*\s]*)+"#, "TTY": "/dev/(?:pts|tty[pq]?)(?:[a-zA-Z0-9]+)?/?(?:[0-9]+)?",
        "URIPROTO": #"[A-Za-z]+(?:\+[A-Za-z+]+)?"#, "URIPATH": "/[A-Za-z0-9$.+!*'(){},~:;=@#%&_/-]*",
        "URIPARAM": #"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*"#, "URIPATHPARAM": "%{URIPATH}(?:%{URIPARAM})?",
        "URI": #"%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?"#,
    ]

    private static let times = [
        "MONTH": """
        \\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?\
        |Nov(?:ember)?|Dec(?:ember)?)\\b
        """,
        "MONTHNUM": "(?:1[0-2]|0?[1-9])", "MONTHNUM2": "(?:1[0-2]|0[1-9])", "MONTHDAY": "(?:3[01]|[12][0-9]|0?[1-9])",
        "DAY": "(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
        "YEAR": "(?:[0-9][0-9]){1,2}", "HOUR": "(?:2[0-3]|[01]?[0-9])", "MINUTE": "[0-5][0-9]",
        "SECOND": "(?:60|[0-5]?[0-9])(?:[:.,][0-9]+)?", "TIME": "%{HOUR}:%{MINUTE}:%{SECOND}(?![0-9])",
        "DATE_US": "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}", "DATE_EU": "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
        "ISO8601_TIMEZONE": "Z|[+-]%{HOUR}(?::?%{MINUTE})?", "ISO8601_SECOND": "%{SECOND}",
        "TIMESTAMP_ISO8601":
            "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
        "DATE": "%{DATE_US}|%{DATE_EU}", "DATESTAMP": "%{DATE}[- ]%{TIME}", "TZ": "(?:[PMCE][SD]T|UTC)",
        "DATESTAMP_RFC822": "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
        "DATESTAMP_RFC2822": "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
        "DATESTAMP_OTHER": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
        "DATESTAMP_EVENTLOG": "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    ]

    private static let logs = [
        "LOGLEVEL": """
        (?:[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo(?:rmation)?|INFO(?:RMATION)?\
        |[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL\
        |[Ss]evere|SEVERE|[Ee]merg(?:ency)?|EMERG(?:ENCY)?)
        """,
        "HTTPDATE": "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}", "SYSLOGTIMESTAMP": "%{MONTH} +%{MONTHDAY} %{TIME}",
        "PROG": "[A-Za-z0-9._/%-]+", "SYSLOGPROG": #"%{PROG:program}(?:\[%{POSINT:pid}\])?"#,
        "SYSLOGHOST": "%{IP}|%{HOST}", "SYSLOGFACILITY": "<%{NONNEGINT:facility}[.]%{NONNEGINT:priority}>",
        "QUOTEDREST": #"(?:[^"\\]|\\.)*+"#, "PRINTABLE": "[!-~]+", "SYSLOGDATA": #"-|(?:[^\]"]|"(?:[^"\\]|\\.)*+")*+"#,
        "POSTGRES_LOG": #"""
        %{POSTGRES_TIME:logTime}:%{POSTGRES_WORD:srcIp}:%{POSTGRES_WORD:userName}@%{POSTGRES_WORD:dbName}:\#
        \[%{NONNEGINT:processId}\]:%{WORD:logLevel}:%{GREEDYDATA_MULTILINE}
        """#,
        "POSTGRES_TIME": "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{TIME} [A-Z]+", "POSTGRES_WORD": #"[^@:\s]*"#,
        "APACHE_ACCESS_LOG": #"""
        %{IPORHOST:remote_host} \S+ %{NOTSPACE:auth_user:optional} \[%{HTTPDATE:timestamp:date}\] \#
        "%{WORD:http_method} %{NOTSPACE:request}(?: HTTP/%{NUMBER:http_version})?" %{INT:status_code:int} \#
        (?:%{INT:response_size:int}|-)(?: "%{QUOTEDREST:referrer:optional}" "%{QUOTEDREST:agent:optional}")?
        """#,
        "NGINX_ACCESS_LOG": #"""
        %{IPORHOST:remote_host} - %{NOTSPACE:auth_user:optional} \[%{HTTPDATE:timestamp:date}\] \#
        "%{WORD:http_method} %{NOTSPACE:request}(?: HTTP/%{NUMBER:http_version})?" %{INT:status_code:int} \#
        (?:%{INT:response_size:int}|-)(?: "%{QUOTEDREST:referrer:optional}" "%{QUOTEDREST:agent:optional}")?
        """#,
        "SYSLOG5424": #"""
        <%{NONNEGINT:pri:int}>%{NONNEGINT:version:int} %{PRINTABLE:timestamp:optional} \#
        %{PRINTABLE:hostname:optional} %{PRINTABLE:app:optional} %{PRINTABLE:proc_id:optional} \#
        %{PRINTABLE:msg_id:optional} (?:-|\[%{SYSLOGDATA:structured_data}\])(?: ?(?=.)%{GREEDYDATA:message})?
        """#,
    ]
}
