// SPDX-License-Identifier: Apache-2.0

/// What the Extensions, Telemetry and Logs APIs answer when they refuse.
typealias ExtensionAPIError = RuntimeAPIError

extension ExtensionAPIError {
    private static func forbidden(_ type: String, _ message: String) -> ExtensionAPIError {
        ExtensionAPIError(status: 403, errorType: type, errorMessage: message)
    }

    static let emptyName = forbidden("Extension.InvalidExtensionName", "Empty extension name")
    static let nameTaken = forbidden("Extension.InvalidExtensionState", "Extension with this name already registered")
    static let registrationClosed = forbidden("Extension.RegistrationClosed", "Extension registration closed already")
    static let tooManyExtensions = forbidden("Extension.TooManyExtensions", "Extension limit (10) reached")
    static let missingIdentifier = forbidden(
        "Extension.MissingExtensionIdentifier",
        "Missing Lambda-Extension-Identifier header"
    )
    static let invalidIdentifier = forbidden(
        "Extension.InvalidExtensionIdentifier",
        "Invalid Lambda-Extension-Identifier"
    )
    static let missingErrorType = forbidden(
        "Extension.MissingHeader",
        "Lambda-Extension-Function-Error-Type not found"
    )
    static let shutdownOfInternal = forbidden(
        "Extension.InvalidEventType",
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
    )
    static let logsClosed = forbidden("Logs.SubscriptionClosed", "Logs API subscription is closed already")
    static let telemetryClosed = forbidden(
        "Telemetry.SubscriptionClosed",
        "Telemetry API subscription is closed already"
    )

    static func unknownIdentifier(_ id: String) -> ExtensionAPIError {
        forbidden("Extension.UnknownExtensionIdentifier", "Unknown extension \(id)")
    }

    /// The event is the extension's own text: quoted as it may stand in a JSON string, and cut.
    static func invalidEvent(_ event: String) -> ExtensionAPIError {
        forbidden("Extension.InvalidEventType", "\(event.plain): ErrorInvalidEventType")
    }

    static func invalidFormat(_ reason: String) -> ExtensionAPIError { forbidden("InvalidRequestFormat", reason.plain) }

    static func invalidTransition(of name: String, from state: String, to next: String) -> ExtensionAPIError {
        forbidden(
            "Extension.InvalidExtensionState",
            "State transition from \(state) to \(next) failed for extension \(name.plain). Error: State transition is not allowed"
        )
    }

    /// A subscription that cannot be taken, every reason named.
    static func invalidSubscription(_ reasons: [String]) -> ExtensionAPIError {
        ExtensionAPIError(
            status: 400,
            errorType: "ValidationError",
            errorMessage: reasons.map(\.plain).joined(separator: "; ")
        )
    }
}

extension String {
    /// Without what would have to be escaped in JSON, and short: what a stranger wrote, for a message.
    var plain: String {
        String(
            String.UnicodeScalarView(unicodeScalars.prefix(128).filter { $0.value >= 0x20 && $0 != "\"" && $0 != "\\" })
        )
    }
}
