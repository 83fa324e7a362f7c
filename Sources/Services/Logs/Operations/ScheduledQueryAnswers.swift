// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension StoredScheduledQuery {
    var getOutput: GetScheduledQueryOutput {
        var output = GetScheduledQueryOutput()
        output.scheduledQueryArn = arn.description
        output.name = name
        output.description = definition.description
        output.queryLanguage = .cwli
        output.queryString = definition.query
        output.logGroupIdentifiers = definition.groups
        output.scheduleExpression = definition.expression
        output.timezone = definition.timezone
        (output.startTimeOffset, output.endTimeOffset) = (definition.startOffset, definition.endOffset)
        output.destinationConfiguration = definition.destinationConfiguration
        output.state = state
        output.scheduleType = .customerManaged
        output.lastTriggeredTime = lastRunAt.map { Int($0.milliseconds) }
        output.lastExecutionStatus = lastStatus
        (output.scheduleStartTime, output.scheduleEndTime) = (definition.startTime, definition.endTime)
        output.executionRoleArn = definition.role
        output.creationTime = Int(createdAt.milliseconds)
        output.lastUpdatedTime = Int(updatedAt.milliseconds)
        return output
    }

    var updateOutput: UpdateScheduledQueryOutput {
        let all = getOutput
        var output = UpdateScheduledQueryOutput()
        output.scheduledQueryArn = all.scheduledQueryArn
        output.name = all.name
        output.description = all.description
        output.queryLanguage = all.queryLanguage
        output.queryString = all.queryString
        output.logGroupIdentifiers = all.logGroupIdentifiers
        output.scheduleExpression = all.scheduleExpression
        output.timezone = all.timezone
        (output.startTimeOffset, output.endTimeOffset) = (all.startTimeOffset, all.endTimeOffset)
        output.destinationConfiguration = all.destinationConfiguration
        output.state = all.state
        output.scheduleType = all.scheduleType
        output.lastTriggeredTime = all.lastTriggeredTime
        output.lastExecutionStatus = all.lastExecutionStatus
        (output.scheduleStartTime, output.scheduleEndTime) = (all.scheduleStartTime, all.scheduleEndTime)
        output.executionRoleArn = all.executionRoleArn
        output.creationTime = all.creationTime
        output.lastUpdatedTime = all.lastUpdatedTime
        return output
    }

    var summary: ScheduledQuerySummary {
        var summary = ScheduledQuerySummary()
        summary.scheduledQueryArn = arn.description
        summary.name = name
        summary.state = state
        summary.scheduleType = .customerManaged
        summary.lastTriggeredTime = lastRunAt.map { Int($0.milliseconds) }
        summary.lastExecutionStatus = lastStatus
        summary.scheduleExpression = definition.expression
        summary.timezone = definition.timezone
        summary.destinationConfiguration = definition.destinationConfiguration
        summary.creationTime = Int(createdAt.milliseconds)
        summary.lastUpdatedTime = Int(updatedAt.milliseconds)
        return summary
    }
}
