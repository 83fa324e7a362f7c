// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// The parsers of what AWS's services write: lines of fields, in the format that each service has.
struct VendedLineStep: TransformStep {
    enum Kind: Sendable { case text, number, decoded }

    private let columns: [(name: String, kind: Kind)]
    /// The least number of fields in a line.
    private let minimum: Int

    private init(_ source: String?, _ processor: String, _ columns: [(String, Kind)], minimum: Int? = nil) throws {
        guard source ?? "@message" == "@message" else {
            throw InvalidParameterException("The source of \(processor) can only be @message.")
        }
        self.columns = columns
        self.minimum = minimum ?? columns.count
    }

    func apply(to event: inout EventDocument) -> Bool {
        let values = event.message.split(maxSplits: columns.count, whereSeparator: \.isWhitespace)
        guard (minimum...columns.count).contains(values.count) else { return false }
        let fields = zip(columns, values).map { column, value in
            JSONValue.Member(column.name, Self.value(String(value), column.kind))
        }
        return event.merge(fields, into: nil)
    }

    private static func value(_ text: String, _ kind: Kind) -> JSONValue {
        switch kind {
        case .text: .string(text)
        case .decoded: .string(PercentText.decode(text))
        case .number:
            Int(text).map(JSONValue.integer) ?? NumberText.parse(text.utf8).map(JSONValue.number) ?? .string(text)
        }
    }

    /// Flow logs in their default format.
    static func vpc(_ settings: ParseVPC) throws -> VendedLineStep {
        try VendedLineStep(
            settings.source,
            "parseVPC",
            [
                ("version", .number), ("accountId", .text), ("interfaceId", .text), ("srcAddr", .text),
                ("dstAddr", .text),
                ("srcPort", .number), ("dstPort", .number), ("protocol", .number), ("packets", .number),
                ("bytes", .number),
                ("start", .number), ("end", .number), ("action", .text), ("logStatus", .text),
            ]
        )
    }

    /// Queries that a public hosted zone has answered.
    static func route53(_ settings: ParseRoute53) throws -> VendedLineStep {
        try VendedLineStep(
            settings.source,
            "parseRoute53",
            [
                ("version", .number), ("queryTimestamp", .text), ("hostZoneId", .text), ("queryName", .decoded),
                ("queryType", .text), ("responseCode", .text), ("protocol", .text), ("edgeLocation", .text),
                ("resolverIp", .text), ("ednsClientSubnet", .text),
            ]
        )
    }

    /// Standard logs of distributions.
    static func cloudfront(_ settings: ParseCloudfront) throws -> VendedLineStep {
        try VendedLineStep(
            settings.source,
            "parseCloudfront",
            [
                ("date", .text), ("time", .text), ("x-edge-location", .text), ("sc-bytes", .number), ("c-ip", .text),
                ("cs-method", .text), ("cs(Host)", .text), ("cs-uri-stem", .decoded), ("sc-status", .number),
                ("cs(Referer)", .decoded), ("cs(User-Agent)", .decoded), ("cs-uri-query", .decoded),
                ("cs(Cookie)", .decoded), ("x-edge-result-type", .text), ("x-edge-request-id", .text),
                ("x-host-header", .text), ("cs-protocol", .text), ("cs-bytes", .number), ("time-taken", .number),
                ("x-forwarded-for", .text), ("ssl-protocol", .text), ("ssl-cipher", .text),
                ("x-edge-response-result-type", .text), ("cs-protocol-version", .text), ("fle-status", .text),
                ("fle-encrypted-fields", .text), ("c-port", .number), ("time-to-first-byte", .number),
                ("x-edge-detailed-result-type", .text), ("sc-content-type", .decoded), ("sc-content-len", .number),
                ("sc-range-start", .number), ("sc-range-end", .number),
            ],
            // Older lines end before the fields that came later.
            minimum: 23
        )
    }
}

/// `parsePostgres`: `time:host(port):user@database:[process]:LEVEL: text`.
struct PostgresStep: TransformStep {
    private let pattern: GrokPattern

    init(_ settings: ParsePostgres) throws {
        guard settings.source ?? "@message" == "@message" else {
            throw InvalidParameterException("The source of parsePostgres can only be @message.")
        }
        pattern = try GrokPattern("%{POSTGRES_LOG}", allowsInner: true)
    }

    func apply(to event: inout EventDocument) -> Bool {
        guard let fields = pattern.fields(of: event.message) else { return false }
        return event.merge(fields.map { JSONValue.Member($0.text, $1) }, into: nil)
    }
}

/// `parseWAF`: the headers of the request, and the labels, become objects.
struct FirewallStep: TransformStep {
    init(_ settings: ParseWAF) throws {
        guard settings.source ?? "@message" == "@message" else {
            throw InvalidParameterException("The source of parseWAF can only be @message.")
        }
    }

    func apply(to event: inout EventDocument) -> Bool {
        // A text that is no JSON is what the answer says.
        guard case .object(let members)? = try? JSONValue(parsing: event.message) else { return false }
        let fields = members.map { member in
            switch member.name {
            case "httpRequest": JSONValue.Member(member.name, Self.request(member.value))
            case "labels": JSONValue.Member(member.name, Self.labels(member.value))
            default: member
            }
        }
        return event.merge(fields, into: nil)
    }

    private static func request(_ value: JSONValue) -> JSONValue {
        guard case .object(let members) = value else { return value }
        return .object(
            members.map { member in
                guard member.name == "headers", let headers = member.value.arrayValue else { return member }
                let pairs = headers.compactMap { header in
                    header["name"]?.stringValue.map { JSONValue.Member($0, header["value"] ?? .null) }
                }
                return JSONValue.Member("headers", .object(pairs))
            }
        )
    }

    /// Each label is an object of one member.
    private static func labels(_ value: JSONValue) -> JSONValue {
        guard let labels = value.arrayValue else { return value }
        return .object(
            labels.flatMap { label -> [JSONValue.Member] in
                guard case .object(let members) = label else { return [] }
                return members
            }
        )
    }
}

/// `%20` and its like.
enum PercentText {
    /// What is no such sign stays as it is.
    static func decode(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        let bytes = Array(text.utf8)
        var (result, index): ([UInt8], Int) = ([], 0)
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
