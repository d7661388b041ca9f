package main

import (
	"context"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo"
)

// demoCmd is qiao demo.
type demoCmd struct {
	settings
	Folder        string `placeholder:"DIR" help:"Keep the database and the keys here; without it they are temporary."`
	ProviderPort  int    `default:"9080" help:"Port of the provider; 0: any free one."`
	SimulatorPort int    `default:"9081" help:"Port of the simulated WeChat and its phone; 0: any free one."`
	RPPort        int    `name:"rp-port" default:"9082" help:"Port of the demo site; 0: any free one."`
	TVPort        int    `name:"tv-port" default:"9083" help:"Port of the demo TV; 0: any free one."`
	// No operator has it: the code would be gone before anybody has found their phone.
	TVCodeLife time.Duration `name:"tv-code-life" hidden:"" help:"Let the codes of TVs run out after this time, shorter than any configuration may say: for tests of what happens then."`
	ReadyFile  string        `placeholder:"PATH" help:"Write the addresses, accounts and clients here, as JSON, once everything answers."`
}

// Run runs the demo until the process is told to stop.
func (cmd demoCmd) Run(ctx context.Context, w out) error {
	return demo.Run(ctx, demo.Options{
		Source: config.Source{File: cmd.File, Environ: environ(), Set: cmd.Set},
		Folder: cmd.Folder, ProviderPort: cmd.ProviderPort, SimulatorPort: cmd.SimulatorPort, RPPort: cmd.RPPort, TVPort: cmd.TVPort,
		TVCodeLife: cmd.TVCodeLife, ReadyFile: cmd.ReadyFile, Out: w,
		NewLog: serverLog,
	})
}
